//! The JSON of items in the forms of each kind of drive. (1.7 to 1.9)
//!
//! A list has many rows, so what rows share (owner, folder) is made once, and a row is written
//! straight into the answer.

use std::collections::HashMap;
use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::{Value, json};

use super::query::Query;
use super::select;
use crate::clock;
use crate::download::LinkMaker;
use crate::drive::{Drive, DriveIds, DriveKind, Hashes, Item, Kind, Owner, Remote, media_type};
use crate::guid::Guid;
use crate::throttle::Caller;
use crate::variants::{DriveIdCase, Variants};
use crate::world::World;

/// What stays literal in a segment of a path; spaces, `#`, `%`, `?` and non-ASCII do not. (1.2)
pub(super) const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');
/// In contexts `@` is encoded too.
pub(super) const CONTEXT: &AsciiSet = &SEGMENT.add(b'@');

/// One item, as far as it is selected.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    #[serde(rename = "@odata.context", skip_serializing_if = "Option::is_none")]
    pub(super) context: Option<String>,
    #[serde(rename = "@odata.type", skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<&'static str>,
    #[serde(rename = "@odata.etag", skip_serializing_if = "Option::is_none")]
    pub(super) odata_e_tag: Option<String>,
    #[serde(rename = "@microsoft.graph.downloadUrl", skip_serializing_if = "Option::is_none")]
    pub(super) download_url: Option<String>,
    #[serde(rename = "@microsoft.graph.sharedChanged", skip_serializing_if = "Option::is_none")]
    pub(super) shared_changed: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) created_date_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) c_tag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) e_tag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_modified_date_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) size: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) web_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) created_by: Option<Shared>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_modified_by: Option<Shared>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parent_reference: Option<Shared>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file_system_info: Option<FileSystemInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<File>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) folder: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) root: Option<Empty>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) package: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) special_folder: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) shared: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) remote_item: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) malware: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) search_result: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deleted: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) children: Option<Vec<Row>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thumbnails: Option<[(); 0]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) permissions: Option<[(); 0]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) versions: Option<[(); 0]>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FileSystemInfo {
    created_date_time: String,
    last_modified_date_time: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct File {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mime_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hashes: Option<FileHashes>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FileHashes {
    pub(super) quick_xor_hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sha1_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sha256_hash: Option<String>,
}

/// `{}`
#[derive(Serialize)]
pub(super) struct Empty {}

/// JSON that many rows have in common.
#[derive(Clone)]
pub(super) struct Shared(Arc<Value>);

impl Shared {
    fn new(value: Value) -> Self {
        Self(Arc::new(value))
    }
}

impl Serialize for Shared {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Makes rows of one drive for one request.
pub(super) struct Rows<'a> {
    world: &'a World,
    drive: &'a Drive,
    query: &'a Query,
    variants: Variants,
    links: LinkMaker<'a>,
    owner: Shared,
    parents: HashMap<Guid, Shared>,
    /// Whether `parentReference` has a path; delta can be without.
    pub(super) with_paths: bool,
}

impl<'a> Rows<'a> {
    pub(super) fn new(
        world: &'a World,
        drive: &'a Drive,
        query: &'a Query,
        (caller, now_ms): (Caller, i64),
    ) -> Self {
        let variants = world.variants().clone();
        Self {
            world,
            drive,
            query,
            links: world.links.of(drive, &caller, (now_ms, variants.link_lifetime_ms)),
            owner: Shared::new(owner(world, drive)),
            parents: HashMap::new(),
            with_paths: true,
            variants,
        }
    }

    /// Whose the drive is.
    pub(super) fn owner(&self) -> Shared {
        self.owner.clone()
    }

    /// An item's JSON.
    pub(super) fn row(&mut self, item: &Item) -> Row {
        let personal = self.drive.is_personal();
        let wants = |name: &str| self.query.selects(name);
        let ids = self.drive.ids();
        let marks = item.marks();
        let created = clock::iso_digits(item.created_ms, self.variants.fraction_digits);
        let modified = clock::iso_digits(item.modified_ms, self.variants.fraction_digits);
        let mut row = Row {
            id: wants("id").then(|| ids.item(item.guid, item.ordinal)),
            name: wants("name").then(|| item.name.to_string()),
            description: marks.description.clone().filter(|_| wants("description")),
            size: wants("size")
                .then(|| marks.told_size.unwrap_or(i64::try_from(item.size).unwrap_or(i64::MAX))),
            web_url: wants("webUrl").then(|| web_url(self.world, self.drive, item)),
            created_by: wants("createdBy").then(|| self.owner.clone()),
            last_modified_by: wants("lastModifiedBy").then(|| self.owner.clone()),
            file_system_info: wants("fileSystemInfo").then(|| FileSystemInfo {
                created_date_time: created.clone(),
                last_modified_date_time: item.client_modified_ms.map_or_else(
                    || modified.clone(),
                    |time_ms| clock::iso_digits(time_ms, self.variants.fraction_digits),
                ),
            }),
            root: (item.is_root() && wants("root")).then_some(Empty {}),
            shared: marks
                .shared
                .as_ref()
                .filter(|_| wants("shared"))
                .map(|scope| json!({ "scope": scope, "owner": self.owner })),
            special_folder: marks
                .special
                .as_ref()
                .filter(|_| wants("specialFolder"))
                .map(|name| json!({ "name": name })),
            malware: marks
                .malware
                .as_ref()
                .filter(|_| wants("malware"))
                .map(|description| json!({ "description": description })),
            thumbnails: self.query.expands("thumbnails").then_some([]),
            permissions: self.query.expands("permissions").then_some([]),
            versions: self.query.expands("versions").then_some([]),
            ..Row::default()
        };
        if wants("createdDateTime") {
            row.created_date_time = Some(created);
        }
        if wants("lastModifiedDateTime") {
            row.last_modified_date_time = Some(modified);
        }
        if !item.is_root() || personal {
            row.e_tag = wants("eTag").then(|| ids.e_tag(item));
        }
        // Business folders have no cTag. (1.8)
        if personal || !item.is_folder() {
            row.c_tag = wants("cTag").then(|| ids.c_tag(item));
        }
        if personal {
            row.odata_e_tag = Some(ids.e_tag(item));
        }
        if wants("parentReference") {
            row.parent_reference = Some(self.parent_reference(item));
        }
        self.facets(item, &mut row);
        row
    }

    /// What kind of thing it is.
    fn facets(&self, item: &Item, row: &mut Row) {
        let wants = |name: &str| self.query.selects(name);
        match &item.kind {
            Kind::Folder { child_count } => match &item.marks().package {
                Some(package) if wants("package") => {
                    row.package = Some(json!({ "type": package }));
                }
                None if wants("folder") => {
                    row.folder = Some(folder(*child_count, self.drive.is_personal()));
                }
                _ => {}
            },
            Kind::File { .. } => {
                if wants("file") {
                    let with = self.variants.hashes && !item.marks().without_hashes;
                    let hashes = if with { self.drive.hashes(item) } else { None };
                    row.file = Some(file(item, hashes.as_deref()));
                }
                if select::wants_download_url(self.query) && item.marks().malware.is_none() {
                    row.download_url = Some(self.links.issue(item.guid));
                }
            }
            Kind::Remote(remote) => self.remote(remote, row),
        }
    }

    /// A shortcut, or the stub of a locked vault: no web URL, made by the system. (1.9)
    fn remote(&self, remote: &Remote, row: &mut Row) {
        let Some((drive_id, guid)) = &remote.target else {
            row.web_url = None;
            row.created_by =
                row.created_by.take().map(|_| Shared::new(json!({ "user": SYSTEM_ACCOUNT })));
            row.remote_item = Some(json!({}));
            return;
        };
        let drive = self.world.drives.by_id(drive_id);
        let Some((drive, item)) = drive.and_then(|drive| {
            let item = drive.item(*guid)?;
            Some((drive, item))
        }) else {
            return;
        };
        row.size = None;
        row.remote_item = Some(remote_item(self.world, &drive, &item, self.variants.drive_ids));
    }

    /// The folder that an item is in.
    pub(super) fn parent_reference(&mut self, item: &Item) -> Shared {
        let parent = item.parent.as_ref().map_or(Guid::NIL, |parent| parent.guid);
        if let Some(known) = self.parents.get(&parent) {
            return known.clone();
        }
        let reference = Shared::new(self.make_parent_reference(item));
        self.parents.insert(parent, reference.clone());
        reference
    }

    fn make_parent_reference(&self, item: &Item) -> Value {
        let ids = self.drive.ids();
        let drive_id = told_drive_id(ids, self.variants.drive_ids);
        let mut reference =
            json!({ "driveType": self.drive.info.kind.as_str(), "driveId": drive_id });
        if let DriveIds::Business { site, .. } = ids {
            reference["siteId"] = json!(site);
        }
        // The root's parent has neither id nor path: by that clients recognise it. (1.9)
        let Some(parent) = &item.parent else { return reference };
        reference["id"] = json!(ids.item(parent.guid, parent.ordinal));
        if let Some(name) = parent.path.rsplit('/').next().filter(|name| !name.is_empty()) {
            reference["name"] = json!(name);
        }
        if self.with_paths {
            let root = if self.drive.is_personal() {
                "/drive/root:".to_owned()
            } else {
                format!("/drives/{}/root:", ids.drive())
            };
            reference["path"] = json!(format!("{root}{}", encoded(&parent.path)));
        }
        reference
    }
}

const SYSTEM_ACCOUNT: SystemAccount = SystemAccount { display_name: "System Account" };

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SystemAccount {
    display_name: &'static str,
}

/// An item elsewhere, as a shortcut or a list of shared items shows it. (1.9)
pub(super) fn remote_item(world: &World, drive: &Drive, item: &Item, case: DriveIdCase) -> Value {
    let ids = drive.ids();
    let drive_id = told_drive_id(ids, case);
    let (created, modified) = (clock::iso(item.created_ms), clock::iso(item.modified_ms));
    let by = owner(world, drive);
    let mut remote = json!({
        "id": ids.item(item.guid, item.ordinal),
        "name": &*item.name,
        "size": item.size,
        "createdDateTime": created,
        "lastModifiedDateTime": modified,
        "webUrl": web_url(world, drive, item),
        "createdBy": by,
        "fileSystemInfo": { "createdDateTime": created, "lastModifiedDateTime": modified },
        "parentReference": { "driveType": drive.info.kind.as_str(), "driveId": drive_id },
        "shared": { "scope": "users", "owner": by },
    });
    if let Some(parent) = &item.parent {
        remote["parentReference"]["id"] = json!(ids.item(parent.guid, parent.ordinal));
    }
    match &item.kind {
        Kind::Folder { child_count } => {
            remote["folder"] = folder(*child_count, drive.is_personal());
        }
        Kind::File { .. } => remote["file"] = json!(file(item, None)),
        Kind::Remote(_) => {}
    }
    remote
}

/// Whose a drive is, as an identity set.
pub(super) fn owner(world: &World, drive: &Drive) -> Value {
    let population = world.population();
    match drive.info.owner {
        Owner::User(user) => match population.user(user) {
            Some(user) => json!({ "user": {
                "id": user.id, "email": user.email, "displayName": user.display_name(),
            } }),
            None => json!({ "user": SYSTEM_ACCOUNT }),
        },
        Owner::Group(id) => match population.groups.iter().find(|group| group.id == id) {
            Some(group) => json!({ "group": {
                "id": group.id, "email": group.mail, "displayName": format!("{} Owners", group.name),
            } }),
            None => json!({ "user": SYSTEM_ACCOUNT }),
        },
        Owner::Site(_) => json!({ "user": SYSTEM_ACCOUNT }),
    }
}

/// A drive's identifier as items tell it; that of a personal drive varies. (11.3)
fn told_drive_id(ids: &DriveIds, case: DriveIdCase) -> String {
    let id = ids.drive();
    match case {
        _ if !ids.is_personal() => id,
        DriveIdCase::Canonical => id,
        DriveIdCase::Lower => id.to_ascii_lowercase(),
        DriveIdCase::Short => id.to_ascii_lowercase().trim_start_matches('0').to_owned(),
    }
}

fn folder(child_count: usize, is_personal: bool) -> Value {
    let mut folder = json!({ "childCount": child_count });
    if is_personal {
        folder["view"] =
            json!({ "sortBy": "name", "sortOrder": "ascending", "viewType": "thumbnails" });
    }
    folder
}

fn file(item: &Item, hashes: Option<&Hashes>) -> File {
    let hashes = hashes.map(|hashes| FileHashes {
        quick_xor_hash: hashes.quick_xor.clone(),
        sha1_hash: hashes.sha.as_ref().map(|sha| sha.sha1.clone()),
        sha256_hash: hashes.sha.as_ref().map(|sha| sha.sha256.clone()),
    });
    File { mime_type: Some(media_type::of(&item.name)), hashes }
}

/// Where a person finds the item in a browser.
pub(super) fn web_url(world: &World, drive: &Drive, item: &Item) -> String {
    let info = &drive.info;
    match info.kind {
        DriveKind::Personal => {
            let id = drive.ids().item(item.guid, item.ordinal);
            let cid = match info.owner {
                Owner::User(user) => world.population().user(user).map(|user| user.id.clone()),
                _ => None,
            };
            format!("https://onedrive.live.com?cid={}&id={id}", cid.unwrap_or_default())
        }
        DriveKind::Business | DriveKind::DocumentLibrary => {
            format!("{}{}", library_url(drive), encoded(&item.path()))
        }
    }
}

/// Where the pages of a work drive begin.
pub(super) fn library_url(drive: &Drive) -> String {
    let info = &drive.info;
    let library = match info.kind {
        DriveKind::DocumentLibrary => "Shared%20Documents",
        _ => "Documents",
    };
    format!("https://{}{}/{library}", info.host, info.place)
}

/// `/a/b`, each name encoded; nothing for the root.
fn encoded(path: &str) -> String {
    let names = path.split('/').filter(|name| !name.is_empty());
    names.map(|name| format!("/{}", utf8_percent_encode(name, SEGMENT))).collect()
}
