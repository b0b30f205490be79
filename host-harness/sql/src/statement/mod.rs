//! The statements that DataFusion does not know, read from the raw text: JSON parameters do not
//! survive a SQL tokenizer. Everything that is not one of ours is a query and left as it is.

mod lexer;
mod parameters;
mod redact;
mod script;
mod slips;

use std::ops::Range;

use datasource_runtime::CreateMode;

pub use lexer::Unclosed;
pub use parameters::Parameters;
pub use redact::{MASK, redacted};
pub use script::{End, ScriptStatement, Statements, statements};
pub use slips::{Slip, clause_after_semicolon};
pub(crate) use slips::{misspelt_clause, perhaps_a_file, quoted_name, unquoted_path};

use lexer::{Kind, Lexer, Token};

/// One statement, understood as far as this layer goes.
#[derive(Debug, Clone, PartialEq)]
pub enum Statement {
    /// `CREATE [OR REPLACE] DATABASE [IF NOT EXISTS] name [WITH] ENGINE = 'x', PARAMETERS = {…}`
    CreateDatabase {
        /// The database's name.
        name: String,
        /// The connector's name; it may have been left out.
        engine: Option<String>,
        /// The parameters; empty where they were left out.
        parameters: Parameters,
        /// What to do when there is such a database already.
        mode: CreateMode,
    },
    /// `ALTER DATABASE name [SET] PARAMETERS = {…}`
    AlterDatabase {
        /// The database's name.
        name: String,
        /// The parameters to change; null removes one.
        parameters: Parameters,
    },
    /// `DROP DATABASE [IF EXISTS] name`
    DropDatabase {
        /// The database's name.
        name: String,
        /// Whether it is fine that there is none.
        if_exists: bool,
    },
    /// `REFRESH DATABASE name`
    RefreshDatabase {
        /// The database's name.
        name: String,
    },
    /// `SHOW DATABASES`
    ShowDatabases,
    /// `SHOW CREATE DATABASE name`
    ShowCreateDatabase {
        /// The database's name.
        name: String,
    },
    /// `SHOW TABLES [FROM name]`
    ShowTables {
        /// The database's name; the one in use where it was left out.
        database: Option<String>,
    },
    /// ``DESCRIBE [name.]`path` ``
    Describe {
        /// The database's name; the one in use where it was left out.
        database: Option<String>,
        /// The table's name.
        table: String,
    },
    /// `USE name`
    Use {
        /// The database's name.
        name: String,
    },
    /// Anything else, for the query engine.
    Query,
}

impl Statement {
    /// Understands one statement, with or without its semicolon.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        Parser::new(text).statement().map(|parsed| parsed.statement)
    }
}

/// Why a statement of ours cannot be understood. Never holds a value of the statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// Where, in bytes from the start of the statement.
    pub offset: usize,
    /// One sentence without its full stop.
    pub message: String,
}

impl Fault {
    pub(crate) fn at(offset: usize, message: impl Into<String>) -> Self {
        Self { offset, message: message.into() }
    }

    /// Line and column, both counted from 1; the column counts characters.
    pub fn position(&self, text: &str) -> (usize, usize) {
        let before = &text[..text.floor_char_boundary(self.offset.min(text.len()))];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        (line, column)
    }
}

/// A statement, and where its values stand.
pub(crate) struct Parsed {
    statement: Statement,
    /// Where the value of each parameter stands, beside the parameter's name.
    values: Vec<(String, Range<usize>)>,
}

/// The first words of a statement in capitals; a symbol counts as a word.
pub(crate) fn first_words(text: &str, count: usize) -> Vec<String> {
    Lexer::new(text).take(count).map(|token| token.text.to_ascii_uppercase()).collect()
}

/// How a CREATE or ALTER DATABASE statement must look; told when one does not.
const CREATE_FORM: &str = "ENGINE = '…' or PARAMETERS = {…}";

struct Parser<'a> {
    text: &'a str,
    lexer: Lexer<'a>,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, lexer: Lexer::new(text) }
    }

    fn statement(self) -> Result<Parsed, Fault> {
        let Some(first) = self.lexer.peek() else {
            return Err(Fault::at(0, "The statement is empty"));
        };
        let first = if first.kind == Kind::Word { first.text } else { "" };
        match first.to_ascii_uppercase().as_str() {
            "CREATE" => self.create(),
            "ALTER" => self.alter(),
            "DROP" => self.drop_database().map(Parsed::plain),
            "REFRESH" => self.refresh().map(Parsed::plain),
            "SHOW" => self.show().map(Parsed::plain),
            "DESCRIBE" | "DESC" => self.describe().map(Parsed::plain),
            "USE" => self.use_database().map(Parsed::plain),
            _ => Ok(Parsed::plain(Statement::Query)),
        }
    }

    fn create(mut self) -> Result<Parsed, Fault> {
        self.lexer.next();
        let replace = self.accept("OR") && self.required("REPLACE")?;
        self.one_of(&["DATABASE", "PROJECT"])?;
        let unless_exists =
            self.accept("IF") && self.required("NOT")? && self.required("EXISTS")?;
        let mode = match (replace, unless_exists) {
            (true, true) => return self.fault("OR REPLACE and IF NOT EXISTS exclude each other"),
            (true, false) => CreateMode::Replace,
            (false, true) => CreateMode::IfNotExists,
            (false, false) => CreateMode::New,
        };
        let name = self.identifier("the database's name")?;
        let _ = self.accept("WITH") || self.accept("USING");
        let (mut engine, mut parameters) = (None, None);
        while !self.at_end() {
            if engine.is_none() && self.accept("ENGINE") {
                self.accept_symbol('=');
                engine = Some(self.engine()?);
            } else if parameters.is_none() && self.accept("PARAMETERS") {
                parameters = Some(self.parameters()?);
            } else {
                return self.fault(format!("Expected {CREATE_FORM} after the database's name"));
            }
            self.accept_symbol(',');
        }
        let parameters = parameters.unwrap_or_default();
        Ok(Parsed::with(parameters, |parameters| Statement::CreateDatabase {
            name,
            engine,
            parameters,
            mode,
        }))
    }

    fn alter(mut self) -> Result<Parsed, Fault> {
        self.lexer.next();
        self.one_of(&["DATABASE", "PROJECT"])?;
        let name = self.identifier("the database's name")?;
        self.accept("SET");
        self.required("PARAMETERS")?;
        let parameters = self.parameters()?;
        self.end()?;
        Ok(Parsed::with(parameters, |parameters| Statement::AlterDatabase { name, parameters }))
    }

    fn drop_database(mut self) -> Result<Statement, Fault> {
        self.lexer.next();
        self.one_of(&["DATABASE", "SCHEMA", "PROJECT"])?;
        let if_exists = self.accept("IF") && self.required("EXISTS")?;
        let name = self.identifier("the database's name")?;
        self.end()?;
        Ok(Statement::DropDatabase { name, if_exists })
    }

    fn refresh(mut self) -> Result<Statement, Fault> {
        self.lexer.next();
        self.one_of(&["DATABASE", "SCHEMA", "PROJECT"])?;
        let name = self.identifier("the database's name")?;
        self.end()?;
        Ok(Statement::RefreshDatabase { name })
    }

    fn show(mut self) -> Result<Statement, Fault> {
        self.lexer.next();
        if self.accept("DATABASES") || self.accept("SCHEMAS") {
            self.end()?;
            return Ok(Statement::ShowDatabases);
        }
        if self.accept("CREATE") {
            self.one_of(&["DATABASE", "SCHEMA", "PROJECT"])?;
            let name = self.identifier("the database's name")?;
            self.end()?;
            return Ok(Statement::ShowCreateDatabase { name });
        }
        if !self.accept("TABLES") {
            return self.fault("Expected DATABASES, TABLES or CREATE DATABASE after SHOW");
        }
        if self.at_end() {
            return Ok(Statement::ShowTables { database: None });
        }
        if !self.accept("FROM") && !self.accept("IN") {
            return self.fault("Expected FROM and a database after SHOW TABLES");
        }
        let database = Some(self.identifier("the database's name")?);
        self.end()?;
        Ok(Statement::ShowTables { database })
    }

    fn describe(mut self) -> Result<Statement, Fault> {
        self.lexer.next();
        self.accept("TABLE");
        let first = self.identifier("a database, a dot, and a table in backticks")?;
        if !self.accept_symbol('.') {
            if !self.at_end() {
                return self.fault("Expected `.` and a table after the database's name");
            }
            return Ok(Statement::Describe { database: None, table: first });
        }
        let table = self.identifier("the table's name in backticks")?;
        if !self.at_end() {
            return self.fault("Expected the table's name in backticks, and nothing after it");
        }
        Ok(Statement::Describe { database: Some(first), table })
    }

    fn use_database(mut self) -> Result<Statement, Fault> {
        self.lexer.next();
        self.accept("DATABASE");
        let name = self.identifier("the database's name")?;
        self.end()?;
        Ok(Statement::Use { name })
    }

    fn fault<T>(&self, message: impl Into<String>) -> Result<T, Fault> {
        let at = self.lexer.peek().map_or(self.text.len(), |token| token.start);
        Err(Fault::at(at, message))
    }

    fn accept_if(&mut self, wanted: impl Fn(&Token<'_>) -> bool) -> bool {
        let found = self.lexer.peek().is_some_and(|token| wanted(&token));
        if found {
            self.lexer.next();
        }
        found
    }

    fn accept(&mut self, keyword: &str) -> bool {
        self.accept_if(|token| token.is_keyword(keyword))
    }

    fn accept_symbol(&mut self, symbol: char) -> bool {
        self.accept_if(|token| token.is(symbol))
    }

    fn required(&mut self, keyword: &str) -> Result<bool, Fault> {
        self.one_of(&[keyword]).map(|()| true)
    }

    fn one_of(&mut self, keywords: &[&str]) -> Result<(), Fault> {
        if keywords.iter().any(|keyword| self.accept(keyword)) {
            return Ok(());
        }
        self.fault(format!("Expected {}", keywords.join(" or ")))
    }

    fn identifier(&mut self, what: &str) -> Result<String, Fault> {
        let token = self.lexer.peek();
        match token.map(|token| token.kind) {
            Some(Kind::Word | Kind::Quoted('`' | '"')) => {
                self.lexer.next();
                Ok(token.map(|token| token.unquoted()).unwrap_or_default())
            }
            _ => self.fault(format!("Expected {what}")),
        }
    }

    fn engine(&mut self) -> Result<String, Fault> {
        let token = self.lexer.peek();
        match token.map(|token| token.kind) {
            Some(Kind::Word | Kind::Quoted(_)) => {
                self.lexer.next();
                Ok(token.map(|token| token.unquoted()).unwrap_or_default())
            }
            _ => self.fault("Expected the engine's name in quotes after ENGINE"),
        }
    }

    /// `[=] {…}`, after the word PARAMETERS.
    fn parameters(&mut self) -> Result<Parameters, Fault> {
        self.accept_symbol('=');
        let (parameters, end) = parameters::parse(self.text, self.lexer.offset())?;
        self.lexer = Lexer::from_offset(self.text, end);
        Ok(parameters)
    }

    /// Whether nothing follows, or one semicolon.
    fn at_end(&self) -> bool {
        let mut ahead = self.lexer;
        match ahead.next() {
            None => true,
            Some(token) => token.is(';') && ahead.next().is_none(),
        }
    }

    fn end(&self) -> Result<(), Fault> {
        if self.at_end() { Ok(()) } else { self.fault("Expected the end of the statement") }
    }
}

impl Parsed {
    fn plain(statement: Statement) -> Self {
        Self { statement, values: Vec::new() }
    }

    fn with(parameters: Parameters, build: impl FnOnce(Parameters) -> Statement) -> Self {
        let values = parameters.entries().iter().map(|e| (e.key.clone(), e.span.clone())).collect();
        Self { statement: build(parameters), values }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn create(text: &str) -> (String, Option<String>, String, CreateMode) {
        match Statement::parse(text).unwrap() {
            Statement::CreateDatabase { name, engine, parameters, mode } => {
                (name, engine, parameters.to_json(), mode)
            }
            other => panic!("not a CREATE DATABASE: {other:?}"),
        }
    }

    fn message(text: &str) -> String {
        Statement::parse(text).unwrap_err().message
    }

    #[test]
    fn create_database_is_read_in_every_spelling() {
        let expected = (
            "d".to_owned(),
            Some("one_drive".to_owned()),
            r#"{"a":1}"#.to_owned(),
            CreateMode::New,
        );
        for text in [
            "CREATE DATABASE d WITH ENGINE = 'one_drive', PARAMETERS = {\"a\": 1}",
            "create database d\nwith\n    engine = 'one_drive',\n    parameters = {\n \"a\": 1\n}",
            "CREATE DATABASE `d` USING ENGINE='one_drive' PARAMETERS={'a': 1}",
            "CREATE PROJECT \"d\" ENGINE \"one_drive\" PARAMETERS {\"a\": 1}",
            "CREATE DATABASE d /* x */ ENGINE one_drive, -- y\n PARAMETERS {\"a\": 1}",
            "CREATE DATABASE d WITH PARAMETERS = {\"a\": 1}, ENGINE = 'one_drive';",
        ] {
            assert_eq!(create(text), expected, "{text}");
        }
    }

    #[test]
    fn create_database_has_three_modes() {
        let mode = |text| create(text).3;
        assert_eq!(mode("CREATE OR REPLACE DATABASE d ENGINE 'x'"), CreateMode::Replace);
        assert_eq!(mode("CREATE DATABASE IF NOT EXISTS d ENGINE 'x'"), CreateMode::IfNotExists);
        assert_eq!(
            message("CREATE OR REPLACE DATABASE IF NOT EXISTS d"),
            "OR REPLACE and IF NOT EXISTS exclude each other"
        );
    }

    #[test]
    fn alter_database_is_read_with_and_without_set() {
        for text in [
            "ALTER DATABASE d SET PARAMETERS = {\"a\": null}",
            "ALTER DATABASE d PARAMETERS = {\"a\": null}",
            "alter database `d` set parameters {'a': null}",
        ] {
            match Statement::parse(text).unwrap() {
                Statement::AlterDatabase { name, parameters } => {
                    assert_eq!(
                        (name.as_str(), parameters.to_json().as_str()),
                        ("d", r#"{"a":null}"#)
                    );
                }
                other => panic!("not an ALTER DATABASE: {other:?}"),
            }
        }
    }

    #[test]
    fn drop_show_and_describe_are_read() {
        for (text, expected) in [
            ("DROP DATABASE d;", Statement::DropDatabase { name: "d".into(), if_exists: false }),
            (
                "drop schema if exists \"d\"",
                Statement::DropDatabase { name: "d".into(), if_exists: true },
            ),
            ("SHOW DATABASES", Statement::ShowDatabases),
            ("refresh database `d`;", Statement::RefreshDatabase { name: "d".into() }),
            ("show create database `my d`;", Statement::ShowCreateDatabase { name: "my d".into() }),
            ("SHOW TABLES FROM d", Statement::ShowTables { database: Some("d".into()) }),
            ("show tables in `d`", Statement::ShowTables { database: Some("d".into()) }),
            ("SHOW TABLES;", Statement::ShowTables { database: None }),
            (
                "DESCRIBE d.`my-folder/a.csv`",
                Statement::Describe { database: Some("d".into()), table: "my-folder/a.csv".into() },
            ),
            (
                "DESC d.files",
                Statement::Describe { database: Some("d".into()), table: "files".into() },
            ),
            ("DESC `a.csv`", Statement::Describe { database: None, table: "a.csv".into() }),
            ("USE d", Statement::Use { name: "d".into() }),
            ("SELECT * FROM d.files", Statement::Query),
            ("EXPLAIN SELECT 1", Statement::Query),
        ] {
            assert_eq!(Statement::parse(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn slips_say_what_was_expected() {
        for (text, expected) in [
            ("CREATE TABLE t (a INT)", "Expected DATABASE or PROJECT"),
            ("CREATE DATABASE", "Expected the database's name"),
            (
                "CREATE DATABASE d ENGINES = 'x'",
                "Expected ENGINE = '…' or PARAMETERS = {…} after the database's name",
            ),
            (
                "CREATE DATABASE d ENGINE = 'x', PARAMETERS = 'sesame'",
                "Expected `{` and the parameters as a JSON object",
            ),
            ("ALTER DATABASE d", "Expected PARAMETERS"),
            ("DROP DATABASE d e", "Expected the end of the statement"),
            ("DROP DATABASE d; DROP DATABASE e", "Expected the end of the statement"),
            ("SHOW TABLES LIKE 'a'", "Expected FROM and a database after SHOW TABLES"),
            ("REFRESH d", "Expected DATABASE or SCHEMA or PROJECT"),
            ("SHOW COLUMNS", "Expected DATABASES, TABLES or CREATE DATABASE after SHOW"),
            ("DESCRIBE d/e", "Expected `.` and a table after the database's name"),
            ("", "The statement is empty"),
        ] {
            assert_eq!(message(text), expected, "{text}");
        }
    }

    #[test]
    fn a_fault_knows_its_line_and_column() {
        let text = "CREATE DATABASE d ENGINE 'x'\nPARAMETERS {\"é\": sesame}";
        let fault = Statement::parse(text).unwrap_err();
        assert_eq!(fault.position(text), (2, 18));
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "(CREATE|ALTER|DROP|REFRESH|SHOW|DESCRIBE|USE|)[ a-zA-Z0-9=,.;{}'\"`:\\\\\n/*é-]{0,60}") {
            if let Err(fault) = Statement::parse(&text) {
                let (line, column) = fault.position(&text);
                prop_assert!(line >= 1 && column >= 1);
            }
        }

        #[test]
        fn names_and_parameters_come_back(
            name in "[^`\0]{1,12}",
            parameters in proptest::collection::btree_map("[a-z_]{1,8}", ".{0,12}", 0..4),
        ) {
            let json = serde_json::to_string(&parameters).unwrap();
            let text = format!("CREATE DATABASE `{name}` WITH ENGINE = 'e', PARAMETERS = {json}");
            let (found, engine, found_json, _) = create(&text);
            prop_assert_eq!(found, name);
            prop_assert_eq!(engine.as_deref(), Some("e"));
            prop_assert_eq!(
                serde_json::from_str::<serde_json::Value>(&found_json).unwrap(),
                serde_json::to_value(&parameters).unwrap()
            );
        }
    }
}
