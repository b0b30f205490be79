//! `doctor` and `system.health`: what works, what does not, and what to do.

#![expect(clippy::unwrap_used, reason = "a test panics where anything is amiss")]

use datasource_e2e::{Answer, Fault, Profile, Stage};

fn doctor(stage: &Stage) -> Answer {
    Answer::of(&stage.command(&["doctor"]).output().unwrap())
}

/// The line of a check.
fn line<'a>(answer: &'a Answer, check: &str) -> &'a str {
    let found = answer.out.lines().find(|line| line.split_whitespace().nth(1) == Some(check));
    found.unwrap_or_else(|| panic!("no {check} in:\n{}{}", answer.out, answer.err))
}

#[test]
fn a_sound_connection_passes_every_check() {
    for profile in [Profile::Business, Profile::Personal] {
        let stage = Stage::new(profile);
        let _ = stage.create("drive").succeeds();
        let answer = doctor(&stage).succeeds();
        for check in [
            "state",
            "component",
            "egress",
            "store",
            "sign-in-service",
            "clock",
            "application",
            "credential",
            "graph",
            "scopes",
            "drive",
            "quota",
        ] {
            assert!(line(&answer, check).trim_start().starts_with("ok"), "{}", answer.out);
        }
        assert!(line(&answer, "endpoints").contains("emulator"), "a map is told");
    }
}

#[test]
fn a_revoked_credential_is_found_with_who_must_act_and_how() {
    let stage = Stage::new(Profile::Business);
    let _ = stage.create("drive").succeeds();
    stage.control().advance(std::time::Duration::from_secs(48 * 3600)).unwrap();
    stage.control().revoke_tokens().unwrap();
    let answer = doctor(&stage);
    assert_eq!(answer.status, Some(1));
    assert!(line(&answer, "credential").contains("AADSTS50173"), "{}", answer.out);
    assert!(answer.out.contains("account-owner: Sign in again"), "{}", answer.out);
    assert!(line(&answer, "drive").contains("skipped"), "{}", answer.out);
    assert!(line(&answer, "graph").contains("ok"), "{}", answer.out);
}

#[test]
fn a_service_that_is_down_and_a_directory_that_does_not_exist_are_told_apart() {
    let stage = Stage::new(Profile::Business);
    let _ = stage.create("drive").succeeds();
    let down = Fault::status(503).on_host("login.microsoftonline.com").times(0);
    stage.control().add_fault(&down).unwrap();
    let answer = doctor(&stage);
    assert!(line(&answer, "sign-in-service").contains("failed"), "{}", answer.out);
    assert!(line(&answer, "clock").contains("skipped"), "{}", answer.out);
    stage.control().clear_faults().unwrap();

    let mut params = stage.params();
    params.insert("tenant_id".into(), "nobody.example".into());
    let _ = stage.create_with("elsewhere", &params).succeeds();
    let answer = Answer::of(&stage.command(&["doctor", "elsewhere"]).output().unwrap());
    let found = line(&answer, "sign-in-service");
    assert!(found.contains("failed") && found.contains("nobody.example"), "{}", answer.out);
    assert!(answer.out.contains("caller: Check `tenant_id`"), "{}", answer.out);
}

#[test]
fn a_token_that_nothing_can_renew_is_a_warning() {
    let stage = Stage::new(Profile::Business);
    let mut params = stage.params();
    params.remove("refresh_token");
    let _ = stage.create_with("drive", &params).succeeds();
    let answer = doctor(&stage).succeeds();
    let found = line(&answer, "credential");
    assert!(found.contains("warning") && found.contains("nothing can renew it"), "{found}");
}

#[test]
fn a_database_that_waits_for_a_person_says_so() {
    let stage = Stage::new(Profile::Business);
    let create = format!(
        "CREATE DATABASE drive WITH engine = 'one_drive', parameters = {}",
        serde_json::json!(stage.application())
    );
    stage.begins_sign_in(&create).killed();
    let answer = doctor(&stage);
    assert_eq!(answer.status, Some(1));
    assert!(line(&answer, "credential").contains("waits for somebody"), "{}", answer.out);
}

#[test]
fn without_a_database_there_is_nothing_to_look_at() {
    let stage = Stage::new(Profile::Business);
    let answer = doctor(&stage).succeeds();
    assert!(answer.out.contains("no database yet"), "{}", answer.out);
    let unknown = Answer::of(&stage.command(&["doctor", "nope"]).output().unwrap());
    let _ = unknown.fails_saying(&["no database `nope`"]);
}

#[test]
fn the_prompts_background_check_finds_a_revoked_credential_before_a_query_does() {
    let stage = Stage::new(Profile::Business);
    let _ = stage.create("drive").succeeds();
    assert!(stage.sql("SELECT * FROM system.health").rows().is_empty(), "nothing was looked at");
    stage.control().advance(std::time::Duration::from_secs(48 * 3600)).unwrap();
    stage.control().revoke_tokens().unwrap();
    let mut prompt = rexpect::session::spawn_command(stage.prompt(120), Some(60_000)).unwrap();
    let wanted = "SELECT state, actor FROM system.health WHERE database = 'drive' AND \"check\" = 'credential'";
    let found = (0..60).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(500));
        let rows = stage.sql(wanted).rows();
        rows.first().is_some_and(|row| row["state"] == "failed" && row["actor"] == "account-owner")
    });
    let _ = prompt.send_control('d');
    assert!(found, "{:?}", stage.sql("SELECT * FROM system.health").rows());
    let tables = stage.sql("SHOW TABLES FROM system").rows();
    assert_eq!(tables[0]["name"], "health");
}

#[test]
fn one_database_that_cannot_be_looked_at_does_not_hide_the_others() {
    let stage = Stage::new(Profile::Business);
    let _ = stage.create("sound").succeeds();
    let mut china = stage.params_of("chen@contoso.cn", "contoso.cn");
    china.insert("cloud".into(), "china".into());
    let create = format!(
        "CREATE DATABASE far WITH engine = 'one_drive', parameters = {}",
        serde_json::json!(china)
    );
    let mut approved = stage.host(&create);
    approved.args(["--approve", "global", "--approve", "china"]);
    let _ = Answer::of(&approved.output().unwrap()).succeeds();
    let answer = doctor(&stage);
    assert_eq!(answer.status, Some(1));
    assert!(line(&answer, "connector").contains("`china` is not approved"), "{}", answer.out);
    assert!(line(&answer, "drive").contains("can be read"), "{}", answer.out);
}
