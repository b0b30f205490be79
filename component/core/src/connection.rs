//! A connection: made from parameters or resumed from the store, and the
//! verbs on it.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::cache;
use crate::contract::{ConnectionInfo, IdentityInfo, Split, TableInfo, TableKind};
use crate::credential::{App, BearerSource, StoredCredential, Tokens};
use crate::download::{Download, FileRef, Head};
use crate::entries::Lister;
use crate::error::{Actor, Error, ErrorKind, Result};
use crate::graph::Graph;
use crate::listing::Listing;
use crate::opening;
use crate::params::{Change, GrantType, ParamChanges, Settings};
use crate::ports::Ports;
use crate::record::{Record, Records, VERSION};
use crate::sender::{Counters, Deadline, Sender};
use crate::sign_in;
use crate::split::{Planned, SplitSeal, Work};
use crate::sync::Paged;
use crate::table_name::{self, TableName};
use crate::tables::changes::{self, ChangesReader, ChangesTable};
use crate::tables::files::{self, FilesReader, FilesTable};
use crate::tables::parquet::{ParquetReader, Tail};
use crate::tables::stream::StreamReader;
use crate::tables::system::{OpenedSystemTable, SystemReader, SystemTable};
use crate::tables::union::ShapedReader;
use crate::tables::{Kind, Reader, Source, Table};
use crate::verification::{pause_key, verify};

/// What opening a file downloaded.
pub(crate) enum Kept {
    Head(Head),
    Tail(Tail),
}

/// One connection to one account.
pub struct Connection {
    ports: Rc<Ports>,
    pub(crate) records: Rc<Records>,
    /// What opening a file downloaded, for the first split of the same file.
    pub(crate) kept: RefCell<Option<Kept>>,
    /// A listing whose next page may be asked for.
    pub(crate) listing: RefCell<Option<Listing>>,
    /// Changes whose next page may be asked for.
    pub(crate) paged: RefCell<Option<Paged>>,
}

impl Connection {
    /// Makes a connection from a JSON object of parameters and verifies it
    /// with the service; on an error nothing was written. Where a person has
    /// yet to sign in, it waits for that ([`Connection::begin_sign_in`]).
    pub async fn connect(ports: Rc<Ports>, params: &str) -> Result<Self> {
        let mut changes = ParamChanges::parse(params)?;
        let now = ports.clock.now();
        let (mut settings, mut tokens) = (Settings::default(), Tokens::default());
        let given = changes.directory_parameters();
        changes.apply_settings(&mut settings);
        let code = changes.take_code();
        tokens.apply(&mut changes, now);
        let default =
            if tokens.is_empty() { GrantType::AuthorizationCode } else { GrantType::RefreshToken };
        settings.grant_type.get_or_insert(default);
        App::admit(&mut settings, &given, &ports)?;
        if tokens.is_empty() && code.is_none() && !App::is_known(&settings, &ports)? {
            return Err(nothing_given());
        }
        settings.check()?;
        App::of(&settings, &ports)?.check(settings.grant(), &ports)?;
        if let Some(code) = code {
            tokens = sign_in::trade_code(&ports, &settings, &code).await?;
        }
        let awaiting = tokens.is_empty() && needs_person(settings.grant());
        if tokens.is_empty() && settings.grant() == GrantType::RefreshToken {
            return Err(no_tokens());
        }
        let verified = if awaiting {
            None
        } else {
            let (renewed, verified) = verify(&ports, &settings, tokens).await?;
            tokens = renewed;
            Some(verified)
        };
        let mut key = [0; 32];
        ports.random.fill(&mut key);
        let record = Record {
            version: VERSION,
            generation: 1,
            revision: 1,
            settings,
            tokens,
            awaiting,
            verified,
            split_key: BASE64.encode(key),
            created_at: now,
            updated_at: now,
        };
        let records = Records::new(Rc::clone(&ports));
        records.create(&record)?;
        Ok(Self::over(ports, records))
    }

    /// Takes up a connection from the store alone.
    pub fn resume(ports: Rc<Ports>) -> Result<Self> {
        let records = Records::new(Rc::clone(&ports));
        records.load()?;
        Ok(Self::over(ports, records))
    }

    fn over(ports: Rc<Ports>, records: Records) -> Self {
        Self::with(ports, Rc::new(records))
    }

    fn with(ports: Rc<Ports>, records: Rc<Records>) -> Self {
        let (kept, listing, paged) = (RefCell::default(), RefCell::default(), RefCell::default());
        Self { ports, records, kept, listing, paged }
    }

    /// What is known without asking the service.
    pub fn info(&self) -> Result<ConnectionInfo> {
        let record = self.records.load()?;
        let state = record.state();
        let app = App::of(&record.settings, &self.ports).ok();
        let directory = app.as_ref().map(|app| app.directory.clone());
        let connection_id = record.connection_id();
        let identity = record.verified.map(|verified| verified.identity);
        let grant = record.settings.grant();
        let told = record.settings.told();
        let properties = [
            ("tenant_id", directory.clone()),
            ("account_id", record.settings.account_id.clone()),
            ("client_id", app.and_then(|app| app.client_id)),
            ("cloud", Some(record.settings.cloud().name.to_owned())),
            ("drive_type", identity.as_ref().and_then(|identity| identity.drive_type.clone())),
            ("grant_type", Some(grant.name().to_owned())),
        ];
        let properties = properties.into_iter().chain(told);
        let root_id = identity.as_ref().map(|identity| identity.drive_id.clone());
        Ok(ConnectionInfo {
            connection_id,
            state,
            identity: identity.and_then(|identity| {
                Some(IdentityInfo {
                    id: identity.account_id?,
                    display_name: identity.display_name,
                    email: identity.email,
                    directory: directory.clone(),
                })
            }),
            root_id,
            scopes: record.tokens.scopes,
            expires_at: record.tokens.expires_at,
            created_at: record.created_at,
            updated_at: record.updated_at,
            generation: record.generation,
            properties: properties
                .filter_map(|(name, value)| Some((name.to_owned(), value?)))
                .collect(),
        })
    }

    /// Merges parameters, verifies the outcome with the service, and only then
    /// writes it.
    pub async fn alter_params(&self, changes: &str) -> Result<()> {
        let before = self.records.load()?;
        let mut changes = ParamChanges::parse(changes)?;
        let asks_person = matches!(&changes.grant_type, Change::Set(grant) if needs_person(*grant));
        let gives_tokens = changes.gives_tokens();
        let touches_tokens = changes.touches_tokens();
        let given = changes.directory_parameters();
        let (mut settings, mut tokens) = (before.settings.clone(), before.tokens.clone());
        changes.apply_settings(&mut settings);
        if gives_tokens && !asks_person {
            settings.grant_type = Some(GrantType::RefreshToken);
        }
        settings.grant_type.get_or_insert(before.settings.grant());
        keeps_its_drive(&before.settings, &settings)?;
        App::admit(&mut settings, &given, &self.ports)?;
        settings.check()?;
        let app = App::of(&settings, &self.ports)?;
        app.check(settings.grant(), &self.ports)?;
        let code = changes.take_code();
        let old_access = tokens.access.clone();
        tokens.apply(&mut changes, self.ports.clock.now());
        if let Some(code) = &code {
            tokens = sign_in::trade_code(&self.ports, &settings, code).await?;
        }
        let anew = asks_person && !gives_tokens && code.is_none();
        if anew && before.verified.is_some() {
            // Nothing else is written that nobody has verified.
            let grant_type = before.settings.grant_type;
            if touches_tokens || (Settings { grant_type, ..settings.clone() }) != before.settings {
                return Err(two_statements());
            }
        }
        let waits = before.verified.is_none() && needs_person(settings.grant());
        if anew || (waits && tokens.is_empty()) {
            return self.write(&before, |record| {
                record.settings = settings.clone();
                record.awaiting = needs_person(settings.grant());
            });
        }
        if tokens.is_empty() && settings.grant() != GrantType::ClientCredentials {
            return Err(no_tokens());
        }
        let app_before = App::of(&before.settings, &self.ports).ok();
        if app_before.is_none_or(|before| before.signs_in_differently(&app))
            && tokens.access == old_access
            && (tokens.refresh.is_some() || settings.grant() == GrantType::ClientCredentials)
        {
            tokens.forget_access();
        }
        let given = tokens.clone();
        let (tokens, mut verified) = verify(&self.ports, &settings, tokens).await?;
        if let Some(before) = &before.verified {
            verified.identity.continues(&before.identity)?;
        }
        let untouched = tokens == given && given.same_tokens(&before.tokens);
        self.write(&before, |record| {
            record.settings = settings.clone();
            record.awaiting = false;
            record.verified = Some(verified.clone());
            if untouched {
                // Somebody may have refreshed meanwhile: those tokens are newer.
                record.tokens.refused = None;
            } else {
                let newest = record.tokens.refresh.take();
                record.tokens = tokens.clone();
                if tokens.refresh == before.tokens.refresh {
                    record.tokens.refresh = newest;
                }
            }
        })
    }

    /// Writes a change of parameters, unless somebody else has changed them meanwhile.
    pub(crate) fn write(&self, before: &Record, mut change: impl FnMut(&mut Record)) -> Result<()> {
        let now = self.ports.clock.now();
        self.records.try_update(|record| {
            if record.generation != before.generation {
                let message =
                    "The connection's parameters were changed by somebody else meanwhile.";
                return Err(
                    Error::new(ErrorKind::Unavailable, message).hint("Run the statement again.")
                );
            }
            change(record);
            record.generation += 1;
            record.updated_at = now;
            Ok(())
        })?;
        Ok(())
    }

    /// The tables that the connector makes up.
    #[must_use]
    pub fn system_tables(&self) -> Vec<TableInfo> {
        let table = |name: &str, doc: &str| TableInfo {
            name: name.to_owned(),
            kind: TableKind::System,
            bytes: None,
            modified: None,
            doc: Some(doc.to_owned()),
        };
        vec![
            table(
                files::NAME,
                "Every file of the drive: name, path, extension, content, and more.",
            ),
            table(changes::NAME, "What changed since a cursor: onedrive_changes?since=…."),
        ]
        .into_iter()
        .chain(SystemTable::ALL.map(|system| table(system.name(), system.doc())))
        .collect()
    }

    /// Opens a table by name.
    pub async fn read_table(
        self: &Rc<Self>,
        name: &str,
        options: &[(String, String)],
    ) -> Result<Table> {
        let (name, mut own) = table_name::parse(name)?;
        // What stands in the name wins over what the host adds.
        own.splice(0..0, options.iter().cloned());
        let kind = match name {
            TableName::System(table) => Kind::System(OpenedSystemTable::new(self, table, &own)?),
            TableName::Changes => Kind::Changes(ChangesTable::new(Rc::clone(self), &own)?),
            TableName::Files => Kind::Files(FilesTable::new(Rc::clone(self), &own)?),
            TableName::Union(glob) => opening::open_all(self, &glob, &own).await?,
            TableName::File(path) => opening::open(self, &path, &own).await?,
        };
        Ok(Table { kind })
    }

    /// Opens a split in this instance.
    pub fn open_split(&self, token: &[u8], deadline: Option<Duration>) -> Result<Reader> {
        let record = self.records.load()?;
        let work = with_seal(&record, |seal| seal.open(token))?;
        let deadline = Deadline(deadline.map(|d| {
            let ms = i64::try_from(d.as_millis()).unwrap_or(i64::MAX);
            self.ports.clock.now().saturating_add(ms)
        }));
        let counters: Rc<Counters> = Rc::default();
        self.source(&record, work, counters, deadline).map(Reader::new)
    }

    fn source(
        &self,
        record: &Record,
        work: Work,
        counters: Rc<Counters>,
        deadline: Deadline,
    ) -> Result<Source> {
        let graph = self.graph(record, Rc::clone(&counters));
        Ok(match work {
            Work::Member { work, shape } => {
                let source = self.source(record, *work, counters, deadline)?;
                Source::Shaped(Box::new(ShapedReader::new(source, shape)?))
            }
            Work::Files(scan) => {
                let lister = self.lister_of(record, counters)?;
                Source::Files(Box::new(FilesReader::new(lister, scan, deadline)))
            }
            Work::Changes(scan) => {
                let own = Self::with(Rc::clone(&self.ports), Rc::clone(&self.records));
                Source::Changes(Box::new(ChangesReader::new(own, scan, counters, deadline)?))
            }
            Work::System { table, columns } => {
                Source::System(Box::new(SystemReader::new(self, table, &columns)?))
            }
            Work::Parquet(scan) => {
                within_reach(record, &scan.file)?;
                let kept = self.take_tail(&scan.file);
                let reader = ParquetReader::new(graph, counters, scan, kept, deadline);
                Source::Parquet(Box::new(reader))
            }
            Work::Stream { file, format, projection, limit, cached } => {
                within_reach(record, &file)?;
                let (path, eager) = (file.path.clone(), limit.is_none());
                let kept = match cache::bytes(&self.ports, &file)? {
                    Some(bytes) => Some(Head::whole(&file, bytes)),
                    None => self.take_head(&file),
                };
                let download = match kept {
                    Some(head) => Download::after(graph, head, deadline, eager),
                    None => Download::new(graph, file, None, deadline, eager),
                };
                let scan = (&format, projection.as_deref(), limit);
                let reader =
                    StreamReader::new(self, counters, download, path, scan, deadline, cached);
                Source::Stream(Box::new(reader))
            }
        })
    }

    fn take_head(&self, file: &FileRef) -> Option<Head> {
        match self.kept.take() {
            Some(Kept::Head(head)) if head.file == *file => Some(head),
            other => {
                self.kept.replace(other);
                None
            }
        }
    }

    fn take_tail(&self, file: &FileRef) -> Option<Tail> {
        match self.kept.take() {
            Some(Kept::Tail(tail)) if tail.file == *file => Some(tail),
            other => {
                self.kept.replace(other);
                None
            }
        }
    }

    pub(crate) fn seal(&self, work: Work) -> Result<Vec<u8>> {
        with_seal(&self.records.load()?, |seal| seal.seal(work))
    }

    pub(crate) fn seal_all(&self, planned: Vec<Planned>) -> Result<Vec<Split>> {
        let record = self.records.load()?;
        let seal = |Planned { work, rows, bytes }| -> Result<Split> {
            let token = with_seal(&record, |seal| seal.seal(work))?;
            Ok(Split { token, rows, bytes })
        };
        planned.into_iter().map(seal).collect()
    }

    pub(crate) fn ports(&self) -> &Rc<Ports> {
        &self.ports
    }

    /// What listing needs.
    pub(crate) fn lister(&self) -> Result<Lister> {
        self.lister_counted(Rc::default())
    }

    pub(crate) fn lister_counted(&self, counters: Rc<Counters>) -> Result<Lister> {
        self.lister_of(&self.records.load()?, counters)
    }

    pub(crate) fn lister_of(&self, record: &Record, counters: Rc<Counters>) -> Result<Lister> {
        let verified = Rc::new(record.verified()?.clone());
        let (graph, settings) = (self.graph(record, counters), &record.settings);
        let (max_age, follow) = (settings.listing_max_age(), settings.follows_shortcuts());
        Ok(Lister { graph, verified, max_age, follow })
    }

    pub(crate) fn sender(&self, record: &Record, counters: Rc<Counters>) -> Sender {
        let app = App::of(&record.settings, &self.ports);
        let pause = app.as_ref().map(pause_key).unwrap_or_default();
        Sender::new(Rc::clone(&self.ports), counters, pause)
    }

    pub(crate) fn graph(&self, record: &Record, counters: Rc<Counters>) -> Rc<Graph> {
        let sender = || self.sender(record, Rc::clone(&counters));
        let records = Rc::clone(&self.records);
        let bearer: Rc<dyn BearerSource> = Rc::new(StoredCredential { records, sender: sender() });
        Rc::new(Graph { cloud: record.settings.cloud(), sender: sender(), bearer })
    }
}

/// A split only ever reads the drives of its connection, and what their shortcuts lead to.
fn within_reach(record: &Record, file: &FileRef) -> Result<()> {
    let drive = file.through.as_ref().unwrap_or(&file.drive);
    if record.verified()?.roots.iter().any(|root| root.drive == *drive) {
        return Ok(());
    }
    let message = "The split names a drive that is not this connection's.";
    Err(Error::new(ErrorKind::PermissionDenied, message))
}

fn with_seal<T>(record: &Record, use_it: impl FnOnce(SplitSeal<'_>) -> Result<T>) -> Result<T> {
    let key = BASE64
        .decode(&record.split_key)
        .map_err(|_| Error::new(ErrorKind::Internal, "The connection's split key is damaged."))?;
    let connection = record.connection_id();
    use_it(SplitSeal { key: &key, connection: &connection, generation: record.generation })
}

/// Whether a person has to act before there are tokens.
fn needs_person(grant: GrantType) -> bool {
    matches!(grant, GrantType::AuthorizationCode | GrantType::DeviceCode)
}

/// What an application reads by itself was fixed by an administrator.
fn keeps_its_drive(before: &Settings, now: &Settings) -> Result<()> {
    let application = |s: &Settings| s.grant() == GrantType::ClientCredentials;
    let reads = |s: &Settings| (s.folder_path.clone(), s.selected_items.clone(), s.scope_type);
    let same = before.target() == now.target() && reads(before) == reads(now);
    if application(before) == application(now) && (same || !application(before)) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::PermissionDenied,
        "The drive that an application reads by itself is fixed when the database is created.",
    )
    .actor(Actor::HostOperator)
    .hint("An administrator can put another in its place with CREATE OR REPLACE DATABASE."))
}

fn two_statements() -> Error {
    Error::new(
        ErrorKind::InvalidParams,
        "Signing in again and changing other parameters are two statements.",
    )
    .hint("Change the others first, or put a new database in its place with CREATE OR REPLACE.")
}

fn nothing_given() -> Error {
    Error::new(
        ErrorKind::InvalidParams,
        "No tokens are given, and `client_id` is missing to sign in with.",
    )
    .hint(
        "Give `client_id`, `client_secret` and `tenant_id` to sign in from here, or `access_token` \
         and `refresh_token` that your application obtained.",
    )
}

fn no_tokens() -> Error {
    Error::new(ErrorKind::InvalidParams, "Neither `access_token` nor `refresh_token` is given.")
        .hint(
            "Let your application sign the user in and pass the tokens, or leave `grant_type` out \
             and sign in through the host.",
        )
}
