//! One tenant's SQL: takes a statement, gives an answer.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use datafusion::execution::session_state::SessionState;
use datasource_runtime::{
    CreateMode, Created, Database, Description, Preparing, Runtime, TenantId,
};

use crate::answer::Answer;
use crate::catalog::folded;
use crate::definition;
use crate::environment::{self, Environment};
use crate::error::{SqlError, identifier};
use crate::listing;
use crate::query::{Queries, engine, open};
use crate::refresh;
use crate::refusal;
use crate::sign_in::{self, SignInDesk, SignInWay};
use crate::statement::{MASK, Parameters, Statement, perhaps_a_file, redacted, statements};
use crate::system;

/// Memory that the queries of one session may hold at once, unless told otherwise.
const DEFAULT_MEMORY: usize = 2 << 30;

/// One tenant's SQL over the runtime. Statements may run at the same time.
pub struct Session {
    runtime: Runtime,
    tenant: TenantId,
    engine: SessionState,
    /// The database that tables without one stand in; set by USE.
    current: Mutex<Option<String>>,
    /// Where sign-ins are begun; without it somebody else has to.
    desk: Option<SignInDesk>,
    /// Where parameters are looked up for statements that give none.
    environment: Option<Environment>,
}

impl Session {
    /// A session whose queries may hold 2 GiB of memory at once for joins, sorts and aggregates.
    pub fn new(runtime: Runtime, tenant: TenantId) -> Result<Self, SqlError> {
        Self::with_memory(runtime, tenant, DEFAULT_MEMORY)
    }

    /// A session with another bound of memory, in bytes.
    pub fn with_memory(runtime: Runtime, tenant: TenantId, bytes: usize) -> Result<Self, SqlError> {
        let (current, desk, environment) = (Mutex::default(), None, None);
        Ok(Self { runtime, tenant, engine: engine(bytes)?, current, desk, environment })
    }

    /// With sign-ins: a database that waits for somebody answers with the link to open.
    #[must_use]
    pub fn with_sign_ins(mut self, desk: SignInDesk) -> Self {
        self.desk = Some(desk);
        self
    }

    /// With parameters from the environment for `CREATE DATABASE` without PARAMETERS.
    #[must_use]
    pub fn with_environment(mut self, environment: Environment) -> Self {
        self.environment = Some(environment);
        self
    }

    /// Begins a sign-in to a database anew, and gives the row that says where.
    pub async fn authorize(
        &self,
        database: &str,
        way: Option<SignInWay>,
    ) -> Result<Answer, SqlError> {
        let database = self.queries().database(database).await?;
        let Some(desk) = &self.desk else {
            return Err(SqlError::Unsupported {
                message: "This session cannot begin a sign-in".to_owned(),
                hint: None,
            });
        };
        sign_in::answer(&database, &desk.begin(&database, way).await?)
    }

    /// What was altered, or where somebody has to sign in now.
    async fn altered(&self, database: &Database) -> Result<Answer, SqlError> {
        match &self.desk {
            Some(desk) if sign_in::waits(database).await? => {
                match desk.begin(database, None).await {
                    Ok(pending) => sign_in::answer(database, &pending),
                    Err(error) => Err(SqlError::Unsupported {
                        message: format!(
                            "Database `{}` was altered, but its sign-in cannot begin: {}",
                            database.name(),
                            error.to_string().trim_end_matches('.')
                        ),
                        hint: error.hint(),
                    }),
                }
            }
            _ => done(database, "was altered"),
        }
    }

    /// Runs one statement; a semicolon may end it. Rows come as they are read: an error may also
    /// come from the stream.
    pub async fn execute(&self, sql: &str) -> Result<Answer, SqlError> {
        let mut script = statements(sql);
        let (Some(first), None) = (script.next(), script.next()) else {
            return Err(not_one_statement(sql));
        };
        let text = first.text;
        if let Some(refused) = refusal::of_definition(text) {
            return Err(refused);
        }
        let statement =
            Statement::parse(text).map_err(|fault| SqlError::from_fault(&fault, text))?;
        match statement {
            Statement::CreateDatabase { name, engine, parameters, mode } => {
                self.create(&name, engine.as_deref(), &parameters, mode).await
            }
            Statement::AlterDatabase { name, parameters } => {
                refuse_mask(&parameters)?;
                let database = self.queries().database(&name).await?;
                database.alter_params(&parameters.to_json()).await?;
                self.altered(&database).await
            }
            Statement::DropDatabase { name, if_exists } => self.drop(&name, if_exists).await,
            Statement::RefreshDatabase { name } => {
                Ok(refresh::answer(self.queries().database(&name).await?))
            }
            Statement::ShowDatabases => {
                listing::databases(&self.runtime.databases(&self.tenant).await?)
            }
            Statement::ShowCreateDatabase { name } => {
                let database = self.queries().database(&name).await?;
                definition::answer(&database, &database.info().await?)
            }
            Statement::ShowTables { database } => {
                let name = database.or(self.current_database()).ok_or(no_database_in_use())?;
                if folded(&name) == system::NAME && self.queries().has_system().await? {
                    return listing::system_tables(system::HEALTH, system::HEALTH_DOC);
                }
                listing::tables(&self.queries().database(&name).await?).await
            }
            Statement::Describe { database, table } => self.describe(database, &table).await,
            Statement::Use { name } => {
                let database = self.queries().database(&name).await?;
                self.set_current(Some(database.name().to_owned()));
                Ok(Answer::Done(format!("Database `{}` is in use.", database.name())))
            }
            Statement::Query => self.queries().run(text, self.current_database().as_deref()).await,
        }
    }

    /// The database that USE has set.
    pub fn current_database(&self) -> Option<String> {
        lock(&self.current).clone()
    }

    /// The names of the databases there are.
    pub async fn database_names(&self) -> Result<Vec<String>, SqlError> {
        self.queries().known_databases().await
    }

    /// The names of the tables that a database's connector makes up; no network.
    pub async fn system_tables(&self, database: &str) -> Result<Vec<String>, SqlError> {
        let tables = self.queries().database(database).await?.system_tables().await?;
        Ok(tables.into_iter().map(|table| table.name).collect())
    }

    /// The statement as it may be shown: without the values of parameters that the engine calls
    /// secret or does not know. What cannot be looked up counts as secret.
    pub async fn redacted(&self, sql: &str) -> String {
        let description = match Statement::parse(sql) {
            Ok(Statement::CreateDatabase { engine: Some(engine), .. }) => self.connector(&engine),
            Ok(Statement::AlterDatabase { name, .. }) => {
                let database = self.runtime.database(&self.tenant, &name).await.ok().flatten();
                database.map(|database| database.description().clone())
            }
            _ => None,
        };
        redacted(sql, |name| match &description {
            Some(description) => is_secret(description, name),
            None => true,
        })
    }

    fn set_current(&self, name: Option<String>) {
        *lock(&self.current) = name;
    }

    fn queries(&self) -> Queries<'_> {
        Queries { runtime: &self.runtime, tenant: &self.tenant, engine: &self.engine }
    }

    fn connector(&self, engine: &str) -> Option<Description> {
        let connectors = self.runtime.connectors();
        let found = connectors.iter().find(|connector| connector.engine() == engine)?;
        Some(found.description().clone())
    }

    async fn create(
        &self,
        name: &str,
        engine: Option<&str>,
        parameters: &Parameters,
        mode: CreateMode,
    ) -> Result<Answer, SqlError> {
        let Some(engine) = engine else { return Err(self.engine_missing()) };
        refuse_mask(parameters)?;
        let json = match self.environment {
            Some(environment) if !parameters.are_written() => {
                self.parameters_of(engine, environment)
            }
            _ => parameters.to_json(),
        };
        // A sign-in begins before the database gets its name: where it cannot, nothing was created,
        // and what was to be replaced is still there.
        let begun = Mutex::new(None);
        let prepare = |database: Database| -> Preparing<'_, SqlError> {
            let (desk, begun) = (self.desk.as_ref(), &begun);
            Box::pin(async move {
                if let Some(desk) = desk
                    && sign_in::waits(&database).await?
                {
                    let pending = desk.begin(&database, None).await?;
                    *lock(begun) = Some((database, pending));
                }
                Ok(())
            })
        };
        let (runtime, tenant) = (&self.runtime, &self.tenant);
        let created =
            runtime.create_database_with(tenant, name, engine, &json, mode, prepare).await;
        let begun = lock(&begun).take();
        match (created, begun) {
            (Ok(Created::Created(database)), Some((_, pending))) => {
                sign_in::answer(&database, &pending)
            }
            (Ok(Created::Created(database)), None) => done(&database, "was created"),
            (other, begun) => {
                if let (Some(desk), Some((database, _))) = (&self.desk, begun) {
                    desk.sign_ins.forget(&database);
                }
                match other? {
                    Created::Created(database) | Created::Existed(database) => {
                        done(&database, "existed already and was kept")
                    }
                }
            }
        }
    }

    fn parameters_of(&self, engine: &str, environment: Environment) -> String {
        let Some(description) = self.connector(engine) else { return "{}".to_owned() };
        let found = environment::parameters(&description, environment);
        serde_json::Value::Object(found).to_string()
    }

    async fn describe(&self, database: Option<String>, table: &str) -> Result<Answer, SqlError> {
        let queries = self.queries();
        let Some(name) = database.or(self.current_database()) else {
            let known = queries.known_databases().await?;
            let same = known.iter().find(|name| folded(name) == folded(table));
            return Err(match same {
                Some(database) => SqlError::Query {
                    message: format!("`{database}` is a database, not a table"),
                    hint: Some(format!(
                        "List its tables: SHOW TABLES FROM {}.",
                        identifier(database)
                    )),
                },
                None => SqlError::NoDatabase { table: table.to_owned(), known },
            });
        };
        if folded(&name) == system::NAME && queries.has_system().await? {
            let table = system::table(&self.runtime, &self.tenant, table).await?;
            return listing::table_columns(&table.schema());
        }
        let database = queries.database(&name).await;
        let database = database.map_err(|error| perhaps_a_file(error, &name, table))?;
        listing::table_columns(&open(&database, table, |_| false).await?.schema())
    }

    async fn drop(&self, name: &str, if_exists: bool) -> Result<Answer, SqlError> {
        if self.runtime.drop_database(&self.tenant, name).await? {
            if self.current_database().is_some_and(|current| folded(&current) == folded(name)) {
                self.set_current(None);
            }
            return Ok(Answer::Done(format!("Database `{name}` was dropped.")));
        }
        if if_exists {
            return Ok(Answer::Done(format!("There was no database `{name}` to drop.")));
        }
        Err(match self.queries().database(name).await {
            Err(error) => error,
            // Somebody created it between the two questions.
            Ok(database) => SqlError::NoSuchDatabase {
                name: name.to_owned(),
                known: vec![database.name().to_owned()],
            },
        })
    }

    fn engine_missing(&self) -> SqlError {
        let connectors = self.runtime.connectors();
        let known: Vec<_> = connectors.iter().map(|connector| connector.engine()).collect();
        SqlError::Syntax {
            message: "The statement does not say which ENGINE the database has".to_owned(),
            hint: Some(match known.as_slice() {
                [] => "Write ENGINE = '…' with the name of a loaded connector.".to_owned(),
                [only] => format!("Write ENGINE = '{only}' before PARAMETERS."),
                several => format!("Write ENGINE = '…' with one of: {}.", several.join(", ")),
            }),
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn done(database: &Database, what: &str) -> Result<Answer, SqlError> {
    Ok(Answer::Done(format!("Database `{}` {what}.", database.name())))
}

fn is_secret(description: &Description, name: &str) -> bool {
    let parameter = description.parameters.iter().find(|parameter| parameter.name == name);
    parameter.is_none_or(|parameter| parameter.secret)
}

/// A statement that was shown or remembered without its secrets must not put the mask in their place.
fn refuse_mask(parameters: &Parameters) -> Result<(), SqlError> {
    match parameters.masked() {
        None => Ok(()),
        Some(name) => Err(SqlError::Syntax {
            message: format!("The value of `{name}` is {MASK}, which only stands for a secret"),
            hint: Some("Write the secret itself, or leave the parameter out.".to_owned()),
        }),
    }
}

fn no_database_in_use() -> SqlError {
    SqlError::Syntax {
        message: "No database is in use".to_owned(),
        hint: Some("Write SHOW TABLES FROM and the database's name, or USE one first.".to_owned()),
    }
}

fn not_one_statement(sql: &str) -> SqlError {
    let message = match statements(sql).next() {
        None => "There is no statement",
        Some(_) => "There is more than one statement",
    };
    SqlError::Syntax {
        message: message.to_owned(),
        hint: Some("Give one statement at a time.".to_owned()),
    }
}
