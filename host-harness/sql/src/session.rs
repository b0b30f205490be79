//! One tenant's SQL: takes a statement, gives an answer.

use std::fmt;

use datafusion::execution::session_state::SessionState;
use datasource_runtime::{CreateMode, Created, Database, Description, Runtime, TenantId};

use crate::answer::Answer;
use crate::error::SqlError;
use crate::listing;
use crate::query::{Queries, engine, open};
use crate::refusal;
use crate::statement::{Parameters, Statement, redacted, statements};

/// Memory that the queries of one session may hold at once, unless told otherwise.
const DEFAULT_MEMORY: usize = 2 << 30;

/// One tenant's SQL over the runtime. Statements may run at the same time.
pub struct Session {
    runtime: Runtime,
    tenant: TenantId,
    engine: SessionState,
}

impl Session {
    /// A session whose queries may hold 2 GiB of memory at once for joins, sorts and aggregates.
    pub fn new(runtime: Runtime, tenant: TenantId) -> Result<Self, SqlError> {
        Self::with_memory(runtime, tenant, DEFAULT_MEMORY)
    }

    /// A session with another bound of memory, in bytes.
    pub fn with_memory(runtime: Runtime, tenant: TenantId, bytes: usize) -> Result<Self, SqlError> {
        Ok(Self { runtime, tenant, engine: engine(bytes)? })
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
                let database = self.queries().database(&name).await?;
                database.alter_params(&parameters.to_json()).await?;
                done(&database, "was altered")
            }
            Statement::DropDatabase { name, if_exists } => self.drop(&name, if_exists).await,
            Statement::ShowDatabases => {
                listing::databases(&self.runtime.databases(&self.tenant).await?)
            }
            Statement::ShowTables { database } => {
                listing::tables(&self.queries().database(&database).await?).await
            }
            Statement::Describe { database, table } => {
                let database = self.queries().database(&database).await?;
                listing::table_columns(&open(&database, &table, |_| false).await?.schema())
            }
            Statement::Query => self.queries().run(text).await,
        }
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
        let json = parameters.to_json();
        match self.runtime.create_database(&self.tenant, name, engine, &json, mode).await? {
            Created::Created(database) => done(&database, "was created"),
            Created::Existed(database) => done(&database, "existed already and was kept"),
        }
    }

    async fn drop(&self, name: &str, if_exists: bool) -> Result<Answer, SqlError> {
        if self.runtime.drop_database(&self.tenant, name).await? {
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

fn done(database: &Database, what: &str) -> Result<Answer, SqlError> {
    Ok(Answer::Done(format!("Database `{}` {what}.", database.name())))
}

fn is_secret(description: &Description, name: &str) -> bool {
    let parameter = description.parameters.iter().find(|parameter| parameter.name == name);
    parameter.is_none_or(|parameter| parameter.secret)
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
