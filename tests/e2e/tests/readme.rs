//! The session that README shows is true: its statements are typed at the prompt, and what comes is
//! what stands there.

#![expect(clippy::unwrap_used, reason = "a test panics where anything is amiss")]

use std::path::Path;

use datasource_e2e::{Profile, Stage};
use rexpect::session::spawn_command;

/// The lines of the session.
fn session() -> Vec<String> {
    let readme =
        Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../../README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let from = readme.split_once("A first session").unwrap().1;
    let block = from.split("```").nth(1).unwrap();
    block.lines().skip(1).map(str::to_owned).collect()
}

/// What of a line can be looked for: times are not the same in every run.
fn lasting(line: &str) -> &str {
    let timed = ["rows in ", "row in "].iter().any(|words| line.contains(words));
    let line = if timed { line.split(" in ").next().unwrap_or(line) } else { line };
    // The terminal's text comes byte by byte, so only ASCII can be looked for.
    let ascii = line.find(|letter: char| !letter.is_ascii()).unwrap_or(line.len());
    line[..ascii].split(" | 20").next().unwrap_or(line)
}

#[test]
fn the_session_in_the_readme_runs_as_it_stands() {
    let stage = Stage::new(Profile::Business);
    let mut prompt = spawn_command(stage.prompt(100), Some(30_000)).unwrap();
    prompt.exp_string("sql> ").unwrap();
    let mut statements = 0;
    for line in session() {
        match line.strip_prefix("sql> ") {
            // Tokens do not stand in a README.
            Some(create) if create.starts_with("CREATE") => {
                let _ = stage.create("drive").succeeds();
            }
            Some(statement) => {
                prompt.send_line(statement).unwrap();
                statements += 1;
            }
            None if line.contains("was created") => {}
            None => {
                let wanted = lasting(&line);
                prompt.exp_string(wanted).unwrap_or_else(|error| panic!("{wanted}: {error}"));
            }
        }
    }
    assert_eq!(statements, 6);
    prompt.send_control('d').unwrap();
    prompt.exp_eof().unwrap();
}
