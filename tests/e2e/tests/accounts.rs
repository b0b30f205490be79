//! `component/CREDENTIALS.md` has a table of what works for which source of a credential, kind of
//! account and cloud, and is true: every row of it is run.

#![expect(clippy::unwrap_used, reason = "a test panics where anything is amiss")]

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use datasource_e2e::{Answer, Profile, SigningIn, Stage, Step, visit};
use serde_json::{Map, Value, json};

const CLOUDS: [&str; 4] = ["global", "usgov-l4", "usgov-l5", "china"];
const QUERY: &str = "SELECT a FROM drive.`folder/one.csv`";

/// A row of the table.
#[derive(Debug, Clone)]
struct Row {
    source: String,
    account: String,
    cloud: String,
    outcome: String,
}

fn rows(source: &str) -> Vec<Row> {
    let list = Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap())
        .join("../../component/CREDENTIALS.md");
    let text = std::fs::read_to_string(list).unwrap();
    let rows: Vec<Row> = text
        .lines()
        .filter_map(|line| {
            let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [source, account, cloud, outcome] = cells.as_slice() else { return None };
            let known = cloud.split(", ").all(|cloud| CLOUDS.contains(&cloud));
            known.then(|| {
                let row = |cloud: &str| Row {
                    source: (*source).to_owned(),
                    account: (*account).to_owned(),
                    cloud: cloud.to_owned(),
                    outcome: (*outcome).to_owned(),
                };
                cloud.split(", ").map(row).collect::<Vec<_>>()
            })
        })
        .flatten()
        .filter(|row| row.source == source)
        .collect();
    let cells: std::collections::BTreeSet<_> =
        rows.iter().map(|row| (row.account.clone(), row.cloud.clone())).collect();
    assert_eq!(cells.len(), 8, "each account in each cloud stands in the table: {cells:?}");
    assert_eq!(rows.len(), 8, "and once");
    rows
}

/// Somebody of a kind and cloud, with a directory to sign in to.
struct Person {
    email: &'static str,
    directory: &'static str,
}

impl Row {
    fn person(&self) -> Person {
        let (email, directory) = match (self.account.as_str(), self.cloud.as_str()) {
            ("personal", _) => ("ann.example@outlook.com", "consumers"),
            (_, "global") => ("ann@contoso.com", "contoso.com"),
            (_, "usgov-l4") => ("gwen@contoso.us", "contoso.us"),
            (_, "usgov-l5") => ("dan@contoso-mil.us", "contoso-mil.us"),
            _ => ("chen@contoso.cn", "contoso.cn"),
        };
        Person { email, directory }
    }
}

/// A world with a file in the person's drive, and a host that may reach all clouds.
struct Cell {
    stage: Stage,
    row: Row,
    person: Person,
}

impl Cell {
    fn new(row: &Row) -> Self {
        let stage = Stage::with_files(Profile::Business, &[("root.csv", b"a\n0\n")]);
        let person = row.person();
        if row.account == "personal" {
            let scopes = ["Files.Read", "User.Read"];
            stage.control().consent(person.email, &scopes).unwrap();
        }
        let file = Step::write("folder/one.csv", "a\n1\n");
        stage.control().edit(person.email, &[file]).unwrap();
        Self { stage, row: row.clone(), person }
    }

    fn params(&self) -> Map<String, Value> {
        let mut params = self.stage.application();
        params.insert("tenant_id".into(), self.person.directory.into());
        params.insert("cloud".into(), self.row.cloud.as_str().into());
        params
    }

    fn run(&self, statements: &str) -> Answer {
        let mut command = self.stage.host(statements);
        Answer::of(&command.args(approvals()).output().unwrap())
    }

    fn create(params: &Map<String, Value>) -> String {
        let params = json!(params);
        format!("CREATE DATABASE drive WITH engine = 'one_drive', parameters = {params}")
    }

    fn begins(&self, params: &Map<String, Value>) -> Result<SigningIn, Answer> {
        let mut command = self.stage.host(&Self::create(params));
        command.args(approvals()).args(["--callback-port", "0"]);
        SigningIn::try_start(command)
    }

    /// What came of it: `works`, or what was said.
    fn outcome(&self, created: Answer) -> String {
        if created.status != Some(0) {
            return created.err;
        }
        let read = self.run(QUERY);
        match read.status {
            Some(0) if read.out.trim() == r#"{"a":1}"# => "works".to_owned(),
            _ => format!("{}{}", read.out, read.err),
        }
    }

    fn by_browser(&self, params: &Map<String, Value>) -> String {
        match self.begins(params) {
            Err(answer) => answer.err,
            Ok(sign_in) => match self.stage.control().sign_in(&sign_in.url(), self.person.email) {
                Err(shown) => {
                    sign_in.killed();
                    format!("the sign-in page: {shown}")
                }
                Ok(location) => {
                    let _ = visit(&location);
                    self.outcome(sign_in.ends())
                }
            },
        }
    }

    fn by_device(&self, params: &Map<String, Value>) -> String {
        match self.begins(params) {
            Err(answer) => answer.err,
            Ok(sign_in) => {
                let code = sign_in.shown("user_code");
                self.stage.control().approve_device(&code, self.person.email).unwrap();
                self.outcome(sign_in.ends())
            }
        }
    }

    fn install(&self, params: &Map<String, Value>) {
        let mut command = self.stage.command(&["installation", "set"]);
        command.args(approvals());
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(json!(params).to_string().as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn seen(&self) -> String {
        let mut params = self.params();
        match self.row.source.as_str() {
            "tokens" | "refresh token alone" => {
                let tokens = self.stage.control().tokens(Some(self.person.email)).unwrap();
                params.insert("refresh_token".into(), tokens.refresh_token.into());
                if self.row.source == "tokens" {
                    params.insert("access_token".into(), tokens.access_token.into());
                    params.insert("expires_at".into(), tokens.expires_at.into());
                }
                self.outcome(self.run(&Self::create(&params)))
            }
            "authorization code" => self.by_browser(&params),
            "device code" => {
                params.insert("grant_type".into(), "device_code".into());
                self.by_device(&params)
            }
            "application alone" => {
                params.insert("grant_type".into(), "client_credentials".into());
                params.insert("user_id".into(), self.person.email.into());
                self.outcome(self.run(&Self::create(&params)))
            }
            "installation and user" => {
                self.install(&params);
                self.by_browser(&Map::new())
            }
            "installation, application alone" => {
                self.install(&params);
                let fixed =
                    json!({"grant_type": "client_credentials", "user_id": self.person.email});
                self.outcome(self.run(&Self::create(fixed.as_object().unwrap())))
            }
            other => panic!("the table names an unknown source: {other}"),
        }
    }
}

fn approvals() -> Vec<&'static str> {
    CLOUDS.iter().flat_map(|cloud| ["--approve", cloud]).collect()
}

fn holds(source: &str) {
    let wrong: Vec<_> = rows(source)
        .iter()
        .filter_map(|row| {
            let seen = Cell::new(row).seen();
            let said = row.outcome.trim_start_matches("refused: ");
            let same = if said == "works" { seen == said } else { seen.contains(said) };
            (!same).then(|| format!("{} {} {}: {seen}", row.source, row.account, row.cloud))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn tokens() {
    holds("tokens");
}

#[test]
fn refresh_token_alone() {
    holds("refresh token alone");
}

#[test]
fn authorization_code() {
    holds("authorization code");
}

#[test]
fn device_code() {
    holds("device code");
}

#[test]
fn application_alone() {
    holds("application alone");
}

#[test]
fn installation_and_user() {
    holds("installation and user");
}

#[test]
fn installation_application_alone() {
    holds("installation, application alone");
}

#[test]
fn a_cloud_that_the_operator_has_not_approved_is_refused() {
    let row = Row {
        source: "tokens".into(),
        account: "work".into(),
        cloud: "china".into(),
        outcome: String::new(),
    };
    let cell = Cell::new(&row);
    let create = Cell::create(&cell.params());
    let _ = cell.stage.sql(&create).fails_saying(&["`china` is not approved", "Approved"]);
    assert!(cell.stage.journal().is_empty(), "nothing was sent");
}
