//! `/me` and drives.

use serde_json::Value;

use crate::stage::Stage;

/// Section 8.
#[tokio::test]
async fn me_is_the_account() {
    let stage = Stage::business(&[]).await;
    let me = stage.graph("/me").await.json();
    assert_eq!(me["@odata.context"], "https://graph.microsoft.com/v1.0/$metadata#users/$entity");
    assert_eq!(me["id"], stage.ready().account_id.as_str());
    assert_eq!(me["userPrincipalName"], "ann@contoso.com");
    assert_eq!(me["businessPhones"], serde_json::json!([]));
}

/// Section 8: 16 hexadecimal digits in lower case, no mail.
#[tokio::test]
async fn a_personal_me_has_the_account_number_as_its_id() {
    let stage = Stage::personal(&[]).await;
    let me = stage.graph("/me").await.json();
    assert_eq!(me["id"], stage.ready().drive_id.to_lowercase().as_str());
    assert_eq!(me["mail"], Value::Null);
}

/// Section 8.
#[tokio::test]
async fn a_drive_tells_its_owner_and_how_full_it_is() {
    for (stage, kind) in [
        (Stage::business(&[("a", "123")]).await, "business"),
        (Stage::personal(&[("a", "123")]).await, "personal"),
    ] {
        let drive = stage.graph("/me/drive").await.json();
        assert_eq!(drive["id"], stage.ready().drive_id.as_str());
        assert_eq!(drive["driveType"], kind);
        assert_eq!(drive["owner"]["user"]["id"], stage.ready().account_id.as_str());
        assert_eq!(drive["quota"]["used"], 3);
        assert_eq!(drive["quota"]["state"], "normal");
        let by_id = stage.graph(&format!("/drives/{}", stage.ready().drive_id)).await.json();
        assert_eq!(drive["id"], by_id["id"]);
    }
}

/// Section 8: User.Read for `/me`, Files.Read for drives.
#[tokio::test]
async fn a_token_opens_only_what_its_scopes_cover() {
    let stage = Stage::business(&[]).await;
    for (scope, me, drive) in [("Files.Read", 403, 200), ("User.Read", 200, 403)] {
        let body = stage.refresh("common", &[("scope", scope)]).await.json();
        let bearer = format!("Bearer {}", body["access_token"].as_str().unwrap());
        for (path, status) in [("me", me), ("me/drive", drive), ("me/drive/root", drive)] {
            let url = format!("https://graph.microsoft.com/v1.0/{path}");
            let answer = stage.get(&url, &[("authorization", &bearer)]).await;
            assert_eq!(answer.status, status, "{scope} {path}");
        }
    }
}
