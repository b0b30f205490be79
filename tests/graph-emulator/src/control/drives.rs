//! Drives that a test makes, and what it changes in them.
//!
//! A drive is named by its identifier, by `primary`, by the address of its owner, by the name of its
//! group, or by the path of its site. A step of an edit is an object with `op` and a path from the
//! drive's root:
//!
//! ```json
//! [{"op": "write", "path": "a/b.csv", "text": "x,y\n1,2\n"},
//!  {"op": "write", "path": "large.csv", "rows": 1000000},
//!  {"op": "write", "path": "c.bin", "base64": "AAEC"},
//!  {"op": "folder", "path": "d"},
//!  {"op": "move", "path": "a/b.csv", "to": "d/c.csv"},
//!  {"op": "delete", "path": "d"},
//!  {"op": "change", "path": "large.csv"},
//!  {"op": "mark", "path": "x.csv", "marks": {"malware": "EICAR"}},
//!  {"op": "shortcut", "path": "Team", "drive": "/sites/team", "target": "Reports"},
//!  {"op": "vault", "path": "Personal Vault"}]
//! ```

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answered, Asked, Refused, internal, missing, refused, saved, unusable};
use crate::drive::{
    Conflict, Drive, DriveInfo, DriveKind, Generated, Item, MAX_ROWS, Marks, Owner, ROOT, Remote,
    Source, Synthetic, Update,
};
use crate::guid::Guid;
use crate::world::World;

pub(super) fn answer(world: &World, asked: &Asked<'_>, rest: &[&str]) -> Answered {
    match (asked.method, rest) {
        (&Method::GET, []) => {
            let drives: Vec<Value> =
                world.drives.all().iter().map(|d| describe(world, d)).collect();
            Ok(json!({ "drives": drives }).to_string().into_bytes())
        }
        (&Method::POST, []) => add(world, asked.read()?),
        (&Method::POST, [name @ .., "edit"]) => {
            let drive = find(world, &name.join("/"))?;
            let steps = match asked.read::<Value>()? {
                Value::Array(steps) => steps,
                one => vec![one],
            };
            let steps: Result<Vec<Step>, _> =
                steps.into_iter().map(serde_json::from_value).collect();
            let mut items = Vec::new();
            for step in steps.map_err(unusable)? {
                items.push(edit(world, &drive, step)?);
            }
            world.save_items().map_err(internal)?;
            Ok(json!({ "items": items }).to_string().into_bytes())
        }
        _ => Err(asked.wrong_method()),
    }
}

fn describe(world: &World, drive: &Drive) -> Value {
    let population = world.population();
    let owner = match drive.info.owner {
        Owner::User(id) => population.user(id).map(|user| user.email.clone()),
        Owner::Group(id) => {
            population.groups.iter().find(|group| group.id == id).map(|group| group.name.clone())
        }
        Owner::Site(id) => {
            population.sites.iter().find(|site| site.id == id).map(|site| site.path.clone())
        }
    };
    json!({
        "id": drive.id(), "kind": drive.info.kind, "owner": owner, "name": drive.info.name,
        "primary": drive.id() == world.primary.drive,
    })
}

fn find(world: &World, name: &str) -> Result<Arc<Drive>, Refused> {
    let owner = {
        let population = world.population();
        let group = population.groups.iter().find(|group| group.name.eq_ignore_ascii_case(name));
        let path = format!("/{}", name.trim_start_matches('/'));
        let site = population.sites.iter().find(|site| site.path.eq_ignore_ascii_case(&path));
        let user = population.user_named(name).map(|user| Owner::User(user.object_id));
        user.or(group.map(|group| Owner::Group(group.id))).or(site.map(|site| Owner::Site(site.id)))
    };
    let found = match (name, owner) {
        ("primary", _) => world.drives.by_id(&world.primary.drive),
        (_, Some(owner)) => world.drives.of(owner),
        (id, None) => world.drives.by_id(id),
    };
    found.ok_or_else(|| missing(&format!("drive {name}")))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewDrive {
    /// One more drive of the owner of this one.
    beside: String,
    name: String,
    /// Generated items to fill it with.
    synthetic: Option<Synthetic>,
    /// Bytes it may hold.
    total: Option<u64>,
}

fn add(world: &World, new: NewDrive) -> Answered {
    let beside = find(world, &new.beside)?;
    if beside.is_personal() {
        return Err(refused("a personal account has one drive"));
    }
    let info = DriveInfo {
        ids: crate::drive::DriveIds::library(&world.random),
        kind: DriveKind::DocumentLibrary,
        name: new.name.clone(),
        place: format!("{}/{}", beside.info.place, new.name),
        created_ms: world.clock.now_ms(),
        seed: new.synthetic,
        total: new.total.unwrap_or(beside.info.total),
        ..beside.info.clone()
    };
    let drive = world.add_drive(info).map_err(internal)?;
    saved(world, describe(world, &drive))
}

/// One step of an edit.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "lowercase", deny_unknown_fields)]
enum Step {
    Write {
        path: String,
        text: Option<String>,
        base64: Option<String>,
        /// Generated rows of 64 bytes.
        rows: Option<u64>,
    },
    Folder {
        path: String,
    },
    Move {
        path: String,
        to: String,
    },
    Delete {
        path: String,
    },
    /// Other bytes of the same length.
    Change {
        path: String,
    },
    Mark {
        path: String,
        marks: Marks,
    },
    Shortcut {
        path: String,
        drive: String,
        target: String,
    },
    Vault {
        path: String,
    },
}

fn edit(world: &World, drive: &Drive, step: Step) -> Result<Value, Refused> {
    let item = match step {
        Step::Write { path, text, base64, rows } => {
            let content = match (text, base64, rows) {
                (Some(text), None, None) => blob(world, text.as_bytes())?,
                (None, Some(base64), None) => {
                    blob(world, &STANDARD.decode(base64).map_err(unusable)?)?
                }
                (None, None, Some(rows)) if rows > MAX_ROWS => {
                    return Err(refused(format!("a file has at most {MAX_ROWS} rows")));
                }
                (None, None, Some(rows)) => {
                    let generated = Generated { seed: rows, rows };
                    (generated.size(), Source::Generated(generated))
                }
                _ => return Err(refused("a write takes one of text, base64 and rows")),
            };
            let put = drive.put_file(ROOT, &names(&path), content, Conflict::Replace);
            put.map_err(unusable)?.0
        }
        Step::Folder { path } => drive.make_folders(ROOT, &names(&path)).map_err(unusable)?,
        Step::Move { path, to } => {
            let item = at(drive, &path)?;
            let to = names(&to);
            let (name, folders) = to.split_last().ok_or_else(|| refused("`to` is empty"))?;
            let parent = drive.make_folders(ROOT, folders).map_err(unusable)?;
            let update =
                Update { parent: Some(parent.guid), name: Some(name.clone()), ..Update::default() };
            drive.update(item.guid, update, Conflict::Fail).map_err(unusable)?
        }
        Step::Delete { path } => {
            let item = at(drive, &path)?;
            drive.remove(item.guid).map_err(unusable)?;
            item
        }
        Step::Change { path } => {
            let item = at(drive, &path)?;
            let changed = drive.change_content(item.guid, &world.random).map_err(unusable)?;
            changed.ok_or_else(|| refused(format!("{path} is no file")))?
        }
        Step::Mark { path, marks } => {
            drive.set_marks(at(drive, &path)?.guid, marks).map_err(unusable)?
        }
        Step::Shortcut { path, drive: other, target } => {
            let other = find(world, &other)?;
            let target = at(&other, &target)?;
            put_remote(drive, &path, Some((other.id(), target.guid)))?
        }
        Step::Vault { path } => put_remote(drive, &path, None)?,
    };
    Ok(told(drive, &item))
}

fn put_remote(drive: &Drive, path: &str, target: Option<(String, Guid)>) -> Result<Item, Refused> {
    let names = names(path);
    let (name, folders) = names.split_last().ok_or_else(|| refused("the path is empty"))?;
    let parent = drive.make_folders(ROOT, folders).map_err(unusable)?;
    drive.put_remote(parent.guid, name, Remote { target }).map_err(unusable)
}

fn blob(world: &World, bytes: &[u8]) -> Result<(u64, Source), Refused> {
    let name = world.blobs.keep(&world.random, bytes).map_err(internal)?;
    Ok((bytes.len() as u64, Source::Blob(name)))
}

fn names(path: &str) -> Vec<String> {
    path.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn at(drive: &Drive, path: &str) -> Result<Item, Refused> {
    drive.resolve(ROOT, &names(path)).ok_or_else(|| missing(&format!("item {path}")))
}

fn told(drive: &Drive, item: &Item) -> Value {
    let ids = drive.ids();
    json!({
        "id": ids.item(item.guid, item.ordinal), "path": item.path(), "size": item.size,
        "eTag": ids.e_tag(item), "cTag": ids.c_tag(item),
    })
}

/// Gives a file other bytes, wherever it is: what a fault does in the middle of a read.
pub(crate) fn change_file(world: &World, guid: Guid) -> std::io::Result<()> {
    for drive in world.drives.all() {
        if drive.item(guid).is_some_and(|item| item.is_file()) {
            drive.change_content(guid, &world.random)?;
        }
    }
    Ok(())
}
