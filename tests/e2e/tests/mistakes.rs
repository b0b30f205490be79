//! Bad input: one sentence, who must act, a hint, exit status 1, and the state
//! as it was.

use std::fs;

use datasource_e2e::{Answer, Profile, Stage, dist};
use serde_json::{Value, json};

fn connected() -> Stage {
    let stage = Stage::new(Profile::Business);
    let _ = stage.create("drive").succeeds();
    stage
}

#[test]
fn a_wrong_missing_or_unknown_parameter_is_named() {
    let stage = Stage::new(Profile::Business);
    let mut cases = Vec::new();
    let mut with = |key: &str, value: Option<Value>, texts: &'static [&'static str]| {
        let mut params = stage.params();
        match value {
            Some(value) => params.insert(key.to_owned(), value),
            None => params.remove(key),
        };
        cases.push((params, texts));
    };
    with("acess_token", Some(json!("x")), &["acess_token", "access_token"]);
    with("tenant_id", None, &["tenant_id", "missing"]);
    with("tenant_id", Some(json!("a/b")), &["tenant_id", "directory"]);
    with("tenant_id", Some(json!(7)), &["tenant_id", "text"]);
    with("expires_at", Some(json!("tomorrow")), &["expires_at", "Unix seconds"]);
    with("client_id", Some(json!("my app")), &["client_id", "GUID"]);
    with("cloud", Some(json!("mars")), &["cloud", "usgov-l4"]);
    for (params, texts) in cases {
        let _ = stage.create_with("drive", &params).fails_saying(texts);
    }
    assert_eq!(stage.sql("SHOW DATABASES").rows().len(), 0);
    assert_eq!(stage.journal().len(), 0, "nothing was sent");
}

#[test]
fn neither_tokens_nor_an_application_is_an_error() {
    let stage = Stage::new(Profile::Business);
    let mut params = stage.params();
    for key in ["access_token", "refresh_token", "client_id", "client_secret"] {
        params.remove(key);
    }
    let _ = stage.create_with("drive", &params).fails_saying(&["access_token", "refresh_token"]);
}

#[test]
fn an_unknown_file_a_folder_and_another_format_are_told_apart() {
    let stage = connected();
    let select = |path: &str| stage.sql(&format!("SELECT * FROM drive.`{path}`"));
    let _ =
        select("my-folder/no.csv").fails_saying(&["There is no file `my-folder/no.csv`", "files"]);
    let _ = select("my-folder").fails_saying(&["no extension"]);
    let _ = select("a.docx").fails_saying(&[".docx"]);
    let _ = select("geo/*.xml").fails_saying(&["No file", "geo/*.xml"]);
}

#[test]
fn an_unknown_read_option_names_the_nearest() {
    let stage = connected();
    let _ = stage
        .sql("SELECT * FROM drive.`geo/airports.csv?delimeter=;`")
        .fails_saying(&["delimeter", "delimiter"]);
}

#[test]
fn an_empty_file_is_no_table() {
    let stage = Stage::with_files(Profile::Business, &[("empty.csv", b"")]);
    let _ = stage.create("drive").succeeds();
    let _ = stage.sql("SELECT * FROM drive.`empty.csv`").fails_saying(&["empty"]);
}

#[test]
fn a_host_that_is_not_approved_is_not_reached() {
    let stage = Stage::new(Profile::Business);
    let params = json!(stage.params());
    let create = format!("CREATE DATABASE d WITH engine = 'one_drive', parameters = {params}");
    let mut command = stage.host(&create);
    command.args(["--approve", "china"]);
    let answer = Answer::of(&command.output().unwrap());
    let _ = answer.fails_saying(&["global", "approve"]);
    assert_eq!(stage.journal().len(), 0);
}

#[test]
fn an_unreachable_server_is_said_to_be_unreachable() {
    let stage = Stage::new(Profile::Business);
    let params = json!(stage.params());
    let create = format!("CREATE DATABASE d WITH engine = 'one_drive', parameters = {params}");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = stage.host_without_emulator("json", &create);
    command.arg("--map").arg(format!("graph.microsoft.com={closed}"));
    let _ =
        Answer::of(&command.output().unwrap()).fails_saying(&["graph.microsoft.com", "reached"]);
    assert_eq!(stage.sql("SHOW DATABASES").rows().len(), 0);
}

#[test]
fn a_server_with_a_strange_certificate_is_not_talked_to() {
    let stage = Stage::new(Profile::Business);
    let params = json!(stage.params());
    let create = format!("CREATE DATABASE d WITH engine = 'one_drive', parameters = {params}");
    let mut command = stage.host_without_emulator("json", &create);
    let listen = stage.ready("listen");
    command.arg("--map").arg(format!("graph.microsoft.com={}", listen.as_str().unwrap()));
    let _ = Answer::of(&command.output().unwrap()).fails_saying(&["certificate"]);
}

#[test]
fn a_file_that_is_no_component_is_refused() {
    let stage = Stage::new(Profile::Business);
    let file = stage.state().join("no.wasm");
    for bytes in [b"hello".as_slice(), b"", b"\0asm\x01\0\0\0"] {
        fs::write(&file, bytes).unwrap();
        let mut command = stage.host("SHOW DATABASES");
        command.arg("--component").arg(&file);
        let _ = Answer::of(&command.output().unwrap()).fails_saying(&["component"]);
    }
}

#[test]
fn a_component_that_wants_what_is_not_offered_is_refused_by_name() {
    let stage = Stage::new(Profile::Business);
    let file = stage.state().join("greedy.wasm");
    let text = r#"(component (import "wasi:filesystem/preopens@0.2.6" (instance)))"#;
    fs::write(&file, wat::parse_str(text).unwrap()).unwrap();
    let mut command = stage.host("SHOW DATABASES");
    command.arg("--component").arg(&file);
    let answer = Answer::of(&command.output().unwrap());
    let _ = answer.fails_saying(&["wasi:filesystem/preopens@0.2.6"]);
    let inspected = std::process::Command::new(dist().join("datasource-host"))
        .arg("inspect")
        .arg(&file)
        .output()
        .unwrap();
    assert_eq!(inspected.status.code(), Some(1));
}

#[test]
fn the_documents_own_slips_are_answered_with_the_right_spelling() {
    let stage = connected();
    let _ = stage
        .sql("SELECT * FROM drive.`my-folder/my-file.csv`; LIMIT 10;")
        .fails_saying(&["LIMIT", ";"]);
    for slip in ["my-folder/my-file.csv", "'my-folder/my-file.csv'"] {
        let _ = stage
            .sql(&format!("SELECT * FROM drive.{slip}"))
            .fails_saying(&["backticks", "`my-folder/my-file.csv`"]);
    }
}

#[test]
fn a_file_that_is_not_quoted_is_answered_with_backticks() {
    let stage = connected();
    for sql in ["SELECT * FROM cars.json", "DESCRIBE cars.json"] {
        let _ = stage.sql(sql).fails_saying(&["`cars`", "backticks", "drive.`cars.json`"]);
    }
}

#[test]
fn the_mask_of_a_secret_does_not_become_the_secret() {
    let stage = connected();
    let masked = json!({"access_token": "***"});
    let _ = stage.alter("drive", &masked).fails_saying(&["`access_token`", "stands for a secret"]);
    let _ = stage.sql("SELECT path FROM drive.files LIMIT 1").succeeds();
}

#[test]
fn an_unknown_database_names_the_known() {
    let stage = connected();
    let _ = stage.sql("SELECT * FROM drvie.files").fails_saying(&["drvie", "drive"]);
}

#[test]
fn a_database_that_exists_is_kept_and_one_that_does_not_cannot_be_dropped() {
    let stage = connected();
    let _ = stage.create("drive").fails_saying(&["drive", "exists"]);
    let _ = stage.sql("DROP DATABASE other").fails_saying(&["other"]);
    let _ = stage.sql("DROP DATABASE IF EXISTS other; DROP DATABASE drive").succeeds();
    assert_eq!(stage.sql("SHOW DATABASES").rows().len(), 0);
}

#[test]
fn statements_that_would_write_are_refused() {
    let stage = connected();
    for statement in
        ["CREATE TABLE t (a INT)", "COPY (SELECT 1) TO '/tmp/x.csv'", "INSERT INTO t VALUES (1)"]
    {
        let _ = stage.sql(statement).fails_saying(&[]);
    }
}
