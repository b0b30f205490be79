//! Addressing items.

use crate::stage::Stage;

const FILES: [(&str, &str); 3] =
    [("Data/sales.csv", "a,b\n1,2\n"), ("odd/50% #1 +'&ü 日本.csv", "x\n"), ("empty/", "")];

/// Section 1.1.
#[tokio::test]
async fn an_item_is_the_same_by_every_form_of_address() {
    for stage in [Stage::business(&FILES).await, Stage::personal(&FILES).await] {
        let drive = stage.ready().drive_id.clone();
        let folder = stage.graph("/me/drive/root:/Data").await.json()["id"].clone();
        let folder = folder.as_str().unwrap();
        let item = stage.graph("/me/drive/root:/Data/sales.csv").await.json();
        let id = item["id"].as_str().unwrap();
        for path in [
            "/me/drive/root:/Data/sales.csv:".to_owned(),
            "/me/drive/root:/Data/sales.csv:/".to_owned(),
            format!("/drives/{drive}/root:/Data/sales.csv"),
            format!("/me/drive/items/{id}"),
            format!("/drives/{drive}/items/{id}"),
            format!("/drives/{drive}/items/{folder}:/sales.csv"),
            format!("/me/drive/items/{folder}:/sales.csv:"),
            "/me/drive/items/root:/Data/sales.csv".to_owned(),
        ] {
            let answer = stage.graph(&path).await;
            assert_eq!((answer.status, &answer.json()["id"]), (200, &item["id"]), "{path}");
        }
    }
}

/// Section 1.2: names are encoded segment by segment; a plus is a plus.
#[tokio::test]
async fn a_name_with_every_awkward_character_is_found_by_its_encoded_path() {
    let stage = Stage::business(&FILES).await;
    for quote in ["'", "%27"] {
        let name = format!("50%25%20%231%20+{quote}&%C3%BC%20%E6%97%A5%E6%9C%AC.csv");
        let answer = stage.graph(&format!("/me/drive/root:/odd/{name}")).await;
        assert_eq!(answer.json()["name"], "50% #1 +'&ü 日本.csv");
    }
    let space = "/me/drive/root:/odd/50%25%20%231%20%20'&%C3%BC%20%E6%97%A5%E6%9C%AC.csv";
    assert_eq!(stage.graph(space).await.status, 404);
}

/// Section 1.2 and 11, 5.
#[tokio::test]
async fn lookup_ignores_case_and_the_answer_carries_the_stored_case() {
    let stage = Stage::business(&FILES).await;
    let answer = stage.graph("/me/drive/root:/DATA/Sales.CSV").await;
    assert_eq!(answer.json()["name"], "sales.csv");
}

/// Section 1.2: identifiers are case-sensitive.
#[tokio::test]
async fn an_item_id_in_another_case_is_another_id() {
    let stage = Stage::business(&FILES).await;
    let item = stage.graph("/me/drive/root:/Data").await.json();
    let id = item["id"].as_str().unwrap().to_lowercase();
    assert_eq!(stage.graph(&format!("/me/drive/items/{id}")).await.status, 404);
}

/// Section 1.8: casing of personal drive ids varies.
#[tokio::test]
async fn a_personal_drive_is_found_by_its_id_in_lower_case() {
    let stage = Stage::personal(&FILES).await;
    let id = stage.ready().drive_id.to_lowercase();
    let answer = stage.graph(&format!("/drives/{id}")).await;
    assert_eq!(answer.json()["id"], stage.ready().drive_id.as_str());
}

/// Section 6.5.
#[tokio::test]
async fn an_unknown_drive_is_a_bad_request() {
    let stage = Stage::business(&FILES).await;
    for path in ["/drives/b!nonsense", "/drives/b!nonsense/root", "/drives/x/root:/a:/content"] {
        let (status, code, message) = stage.graph(path).await.error();
        assert_eq!((status, code.as_str()), (400, "invalidRequest"));
        assert!(message.starts_with("The provided drive id appears to be malformed"), "{message}");
    }
}

/// Section 6.5.
#[tokio::test]
async fn a_missing_item_is_not_found_in_the_words_of_the_profile() {
    for (stage, text) in [
        (Stage::business(&FILES).await, "The resource could not be found."),
        (Stage::personal(&FILES).await, "Item does not exist"),
    ] {
        for path in [
            "/me/drive/root:/nope.csv",
            "/me/drive/root:/Data/sales.csv/deeper",
            "/me/drive/items/01NOPE",
            "/me/drive/root:/..%2F..%2Fetc%2Fpasswd",
            "/me/drive/root:/%2E%2E/%2E%2E/etc/passwd",
            "/me/drive/root:/a%00b",
        ] {
            let answer = stage.graph(path).await;
            assert_eq!(answer.error(), (404, "itemNotFound".to_owned(), text.to_owned()), "{path}");
        }
    }
}

/// Section 6.5.
#[tokio::test]
async fn an_unknown_segment_is_named_in_the_error() {
    let stage = Stage::business(&FILES).await;
    let (status, code, message) = stage.graph("/me/mailbox").await.error();
    assert_eq!((status, code.as_str()), (400, "BadRequest"));
    assert_eq!(message, "Resource not found for the segment 'mailbox'.");
}

/// Section 1.2: names that OneDrive forbids cannot be in a drive.
#[tokio::test]
async fn files_with_impossible_names_are_left_out() {
    let files = [("a:b.csv", ""), ("~temp", ""), ("Fine.csv", ""), ("fine.csv", "")];
    let stage = Stage::business(&files).await;
    let children = stage.graph("/me/drive/root/children").await.json();
    assert_eq!(children["value"].as_array().unwrap().len(), 1);
    assert_eq!(children["value"][0]["name"], "Fine.csv");
    assert_eq!(stage.emulator.left_out().len(), 3);
}
