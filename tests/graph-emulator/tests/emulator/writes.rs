//! Simple writes, enough for real clients to fill a drive.

use serde_json::{Value, json};

use crate::stage::Stage;

async fn put(stage: &Stage, path: &str, content: &str) -> (u16, Value) {
    let answer = stage.graph_send("PUT", path, &[("content-type", "text/csv")], content).await;
    (answer.status, answer.json())
}

async fn content(stage: &Stage, path: &str) -> String {
    let url = stage.download_url(path).await;
    stage.get(&url, &[]).await.text().to_owned()
}

/// Section 9: 201 for a new file, 200 for a replaced one; folders on the way are made.
#[tokio::test]
async fn a_small_upload_makes_a_file_and_replaces_it() {
    for stage in [Stage::business(&[]).await, Stage::personal(&[]).await] {
        let path = "/me/drive/root:/a/b/c.csv:/content";
        let (status, first) = put(&stage, path, "x,y\n1,2\n").await;
        assert_eq!((status, &first["name"], &first["size"]), (201, &json!("c.csv"), &json!(8)));
        assert_eq!(content(&stage, "a/b/c.csv").await, "x,y\n1,2\n");
        let (status, second) = put(&stage, path, "x\n").await;
        assert_eq!((status, &second["id"]), (200, &first["id"]));
        assert_ne!(first["eTag"], second["eTag"]);
        assert_ne!(first["cTag"], second["cTag"]);
        let by_id = format!("/me/drive/items/{}/content", first["id"].as_str().unwrap());
        assert_eq!(put(&stage, &by_id, "third").await.0, 200);
        assert_eq!(content(&stage, "a/b/c.csv").await, "third");
        let parent = first["parentReference"]["id"].as_str().unwrap();
        let below = format!("/me/drive/items/{parent}:/d.csv:/content");
        assert_eq!(put(&stage, &below, "").await.0, 201);
    }
}

/// The folder that seeded the drive stays as it is on disk.
#[tokio::test]
async fn uploads_never_reach_the_folder_that_seeded_the_drive() {
    let stage = Stage::business(&[("a.csv", "disk")]).await;
    put(&stage, "/me/drive/root:/a.csv:/content", "uploaded").await;
    put(&stage, "/me/drive/root:/b.csv:/content", "uploaded").await;
    assert_eq!(content(&stage, "a.csv").await, "uploaded");
    let folder = stage.drive.path();
    assert_eq!(std::fs::read_to_string(folder.join("a.csv")).unwrap(), "disk");
    assert!(!folder.join("b.csv").exists());
    stage.write("a.csv", "changed on disk");
    assert_eq!(content(&stage, "a.csv").await, "changed on disk", "the latest change wins");
}

#[tokio::test]
async fn a_file_that_was_moved_away_is_gone_once_the_disk_has_it_no_more() {
    let stage = Stage::business(&[("b/x.csv", &"1".repeat(1_000))]).await;
    stage.edit("primary", json!({"op": "move", "path": "b/x.csv", "to": "z.csv"})).await;
    std::fs::remove_file(stage.drive.path().join("b/x.csv")).unwrap();
    let root = stage.graph("/me/drive/root/children").await;
    assert_eq!(root.status, 200);
    let root = root.json();
    let names: Vec<&Value> =
        root["value"].as_array().unwrap().iter().map(|row| &row["name"]).collect();
    assert_eq!(names, ["b"]);
    assert_eq!(stage.graph("/me/drive/root").await.json()["size"], 0);
}

#[tokio::test]
async fn what_was_written_is_there_after_a_restart() {
    let stage = Stage::business(&[("seed.csv", "1"), ("gone.csv", "2")]).await;
    let (_, item) = put(&stage, "/me/drive/root:/new/a.csv:/content", "kept").await;
    stage.edit("primary", json!({"op": "move", "path": "seed.csv", "to": "new/moved.csv"})).await;
    stage.edit("primary", json!({"op": "delete", "path": "gone.csv"})).await;
    let stage = stage.restart(graph_emulator::Profile::Business).await;
    assert_eq!(content(&stage, "new/a.csv").await, "kept");
    assert_eq!(content(&stage, "new/moved.csv").await, "1");
    let again = stage.graph("/me/drive/root:/new/a.csv").await.json();
    assert_eq!((&again["id"], &again["eTag"]), (&item["id"], &item["eTag"]));
    for gone in ["seed.csv", "gone.csv"] {
        assert_eq!(stage.graph(&format!("/me/drive/root:/{gone}")).await.status, 404, "{gone}");
    }
}

/// Section 9: fail, replace, rename.
#[tokio::test]
async fn a_taken_name_is_dealt_with_as_asked() {
    let stage = Stage::business(&[("a.csv", "1")]).await;
    let with = |behavior: &str| {
        format!("/me/drive/root:/a.csv:/content?@microsoft.graph.conflictBehavior={behavior}")
    };
    let (status, body) = put(&stage, &with("fail"), "x").await;
    assert_eq!((status, &body["error"]["code"]), (409, &json!("nameAlreadyExists")));
    let (status, body) = put(&stage, &with("rename"), "x").await;
    assert_eq!((status, &body["name"]), (201, &json!("a 1.csv")));
    assert_eq!(put(&stage, &with("replace"), "x").await.0, 200);
    assert_eq!(put(&stage, &with("shout"), "x").await.0, 400);
}

/// Section 9 and 1.2: created, refused when taken or impossible.
#[tokio::test]
async fn a_folder_is_created_once() {
    let stage = Stage::business(&[]).await;
    let create = async |body: Value| {
        let path = "/me/drive/root/children";
        stage.graph_send("POST", path, &[], &body.to_string()).await
    };
    let folder = json!({"name": "New", "folder": {}});
    let made = create(folder.clone()).await;
    assert_eq!((made.status, &made.json()["folder"]), (201, &json!({"childCount": 0})));
    assert_eq!(create(folder).await.error().1, "nameAlreadyExists");
    assert_eq!(create(json!({"name": "new", "folder": {}})).await.status, 409, "case is no matter");
    let renamed =
        json!({"name": "New", "folder": {}, "@microsoft.graph.conflictBehavior": "rename"});
    assert_eq!(create(renamed).await.json()["name"], "New 1");
    for bad in [json!({"name": "a:b", "folder": {}}), json!({"folder": {}}), json!({"name": "x"})] {
        assert_eq!(create(bad).await.status, 400);
    }
    assert_eq!(stage.graph_send("POST", "/me/drive/root/children", &[], "{").await.status, 400);
}

/// Section 9, 11.13, 3.2: names, places and the client's time of modification.
#[tokio::test]
async fn an_item_is_renamed_and_moved() {
    let stage = Stage::personal(&[("a/x.csv", "1"), ("b/y.csv", "2")]).await;
    let item = stage.graph("/me/drive/root:/a/x.csv").await.json();
    let target = stage.graph("/me/drive/root:/b").await.json();
    let path = format!("/me/drive/items/{}", item["id"].as_str().unwrap());
    let patch = async |body: Value| stage.graph_send("PATCH", &path, &[], &body.to_string()).await;

    let renamed = patch(json!({"name": "z.csv"})).await.json();
    assert_eq!((&renamed["name"], &renamed["cTag"]), (&json!("z.csv"), &item["cTag"]));
    assert_ne!(renamed["eTag"], item["eTag"]);
    let moved = patch(json!({"parentReference": {"id": target["id"]}})).await.json();
    assert_eq!(moved["parentReference"]["id"], target["id"]);
    assert_eq!(moved["lastModifiedDateTime"], renamed["lastModifiedDateTime"]);
    assert_eq!(stage.graph("/me/drive/root:/b/z.csv").await.json()["id"], item["id"]);

    let time = "2020-05-06T07:08:09Z";
    let dated = patch(json!({"fileSystemInfo": {"lastModifiedDateTime": time}})).await.json();
    assert_eq!(dated["fileSystemInfo"]["lastModifiedDateTime"], time);
    assert_eq!(patch(json!({"name": "y.csv"})).await.error().1, "nameAlreadyExists");
    assert_eq!(patch(json!({"parentReference": {"id": "nonsense"}})).await.status, 404);
}

#[tokio::test]
async fn a_folder_cannot_be_moved_into_itself() {
    let stage = Stage::business(&[("a/b/x.csv", "1")]).await;
    let inner = stage.graph("/me/drive/root:/a/b").await.json()["id"].clone();
    let body = json!({"parentReference": {"id": inner}}).to_string();
    let answer = stage.graph_send("PATCH", "/me/drive/root:/a", &[], &body).await;
    assert_eq!(answer.status, 400);
    assert_eq!(stage.graph("/me/drive/root:/a/b/x.csv").await.status, 200);
}

/// Section 9: 204, and gone with everything in it.
#[tokio::test]
async fn a_deleted_folder_is_gone_with_everything_in_it() {
    let stage = Stage::business(&[("a/b/x.csv", "1")]).await;
    let id = stage.graph("/me/drive/root:/a/b/x.csv").await.json()["id"].clone();
    assert_eq!(stage.graph_send("DELETE", "/me/drive/root:/a", &[], "").await.status, 204);
    let by_id = format!("/me/drive/items/{}", id.as_str().unwrap());
    assert_eq!(stage.graph(&by_id).await.status, 404);
    assert_eq!(stage.graph("/me/drive/root/children").await.json()["value"], json!([]));
    assert_eq!(stage.graph_send("DELETE", "/me/drive/root", &[], "").await.status, 400);
}

/// Section 2 and 9: 412.
#[tokio::test]
async fn a_stale_if_match_changes_nothing() {
    let stage = Stage::business(&[("a.csv", "1")]).await;
    let item = stage.graph("/me/drive/root:/a.csv").await.json();
    let tag = item["eTag"].as_str().unwrap();
    put(&stage, "/me/drive/root:/a.csv:/content", "newer").await;
    let stale = [("if-match", tag)];
    let path = "/me/drive/root:/a.csv";
    for (method, path, body) in [
        ("DELETE", path.to_owned(), ""),
        ("PATCH", path.to_owned(), "{\"name\":\"b.csv\"}"),
        ("PUT", format!("{path}:/content"), "stale"),
    ] {
        let answer = stage.graph_send(method, &path, &stale, body).await;
        assert_eq!((answer.status, answer.error().1), (412, "resourceModified".to_owned()));
    }
    assert_eq!(content(&stage, "a.csv").await, "newer");
}

/// Section 11.6: 423 while a file is open in Office.
#[tokio::test]
async fn a_locked_file_refuses_writes() {
    let stage = Stage::business(&[("a.xlsx", "1")]).await;
    stage.edit("primary", json!({"op": "mark", "path": "a.xlsx", "marks": {"locked": true}})).await;
    let answer = stage.graph_send("DELETE", "/me/drive/root:/a.xlsx", &[], "").await;
    assert_eq!(answer.status, 423);
}

/// Section 8: a token that may only read.
#[tokio::test]
async fn a_reading_token_cannot_write() {
    let stage = Stage::business(&[("a.csv", "1")]).await;
    let bearer = format!("Bearer {}", stage.ready().access_token);
    let url = "https://graph.microsoft.com/v1.0/me/drive/root:/a.csv";
    let answer = stage.send("DELETE", url, &[("authorization", &bearer)], "").await;
    assert_eq!((answer.status, answer.error().1), (403, "accessDenied".to_owned()));
}

/// Section 9 and 11.19: 507.
#[tokio::test]
async fn a_full_drive_refuses_uploads() {
    let stage = Stage::business(&[]).await;
    let small = json!({"beside": "ann@contoso.com", "name": "Small", "total": 10}).to_string();
    let drive = stage.control("POST", "/drives", &small).await.json()["id"].clone();
    let path = format!("/drives/{}/root:/a:/content", drive.as_str().unwrap());
    assert_eq!(put(&stage, &path, "123456789").await.0, 201);
    let (status, body) = put(&stage, &path.replace("/a:", "/b:"), "12").await;
    assert_eq!((status, &body["error"]["code"]), (507, &json!("quotaLimitReached")));
}

/// Section 9: a session for a file that has changed since is refused at once.
#[tokio::test]
async fn an_upload_session_is_not_opened_over_another_version() {
    let stage = Stage::business(&[("a.csv", "1")]).await;
    let tag = stage.graph("/me/drive/root:/a.csv").await.json()["eTag"].clone();
    let open = async |path: &str, tag: &str| {
        let path = format!("/me/drive/root:/{path}:/createUploadSession");
        stage.graph_send("POST", &path, &[("if-match", tag)], "{}").await.status
    };
    assert_eq!(open("a.csv", tag.as_str().unwrap()).await, 200);
    assert_eq!(open("a.csv", "\"{x},9\"").await, 412);
    assert_eq!(open("new.csv", "\"{x},9\"").await, 200, "nothing is there to be another version");
}

/// Section 9: pieces in sequence, each with its place; the URL needs no token.
#[tokio::test]
async fn a_large_file_goes_up_in_pieces() {
    let stage = Stage::business(&[]).await;
    let path = "/me/drive/root:/a/large.bin:/createUploadSession";
    let body = json!({"item": {"@microsoft.graph.conflictBehavior": "replace"}}).to_string();
    let session = stage.graph_send("POST", path, &[], &body).await.json();
    let url = session["uploadUrl"].as_str().unwrap().to_owned();
    let whole = "0123456789abcdef".repeat(327_680 / 16) + "the end";
    let total = whole.len();
    let piece = async |first: usize, last: usize| {
        let range = format!("bytes {first}-{last}/{total}");
        stage.send("PUT", &url, &[("content-range", &range)], &whole[first..=last]).await
    };
    let first = piece(0, 327_679).await;
    assert_eq!((first.status, &first.json()["nextExpectedRanges"]), (202, &json!(["327680-"])));
    assert_eq!(piece(0, 327_679).await.status, 416, "a piece that was taken already");
    let asked = stage.get(&url, &[]).await.json();
    assert_eq!(asked["nextExpectedRanges"], json!(["327680-"]));
    let done = piece(327_680, total - 1).await;
    assert_eq!((done.status, &done.json()["size"]), (201, &json!(total)));
    assert_eq!(content(&stage, "a/large.bin").await, whole);
    assert_eq!(piece(327_680, total - 1).await.status, 404, "the session is over");
}
