//! Several people, directories and drives, and who may look where.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::stage::Stage;

const ALL: [&str; 5] =
    ["Files.Read.All", "Sites.Read.All", "User.Read", "User.Read.All", "Group.Read.All"];

/// Section 1.1 and 8: the doors to a drive.
#[tokio::test]
async fn a_drive_is_reached_by_its_owner_in_every_form() {
    let stage = Stage::business(&[("a.csv", "1")]).await;
    let token = stage.token_of("ann@contoso.com", &ALL).await;
    let id = stage.ready().drive_id.clone();
    for root in [
        "/me/drive".to_owned(),
        "/users/ann@contoso.com/drive".to_owned(),
        format!("/users/{}/drive", stage.ready().account_id),
        format!("/drives/{id}"),
    ] {
        assert_eq!(stage.graph_as(&token, &root).await.json()["id"], id.as_str(), "{root}");
        let item = stage.graph_as(&token, &format!("{root}/root:/a.csv")).await;
        assert_eq!(item.status, 200, "{root}");
    }
    let drives = stage.graph_as(&token, "/me/drives").await.json();
    assert_eq!(drives["value"][0]["id"], id.as_str());
}

/// Section 8: libraries of sites and groups.
#[tokio::test]
async fn sites_and_groups_have_libraries() {
    let stage = Stage::business(&[]).await;
    let token = stage.token_of("ann@contoso.com", &ALL).await;
    let site = stage.graph_as(&token, "/sites/contoso.sharepoint.com:/sites/team").await.json();
    let id = site["id"].as_str().unwrap();
    assert!(id.starts_with("contoso.sharepoint.com,"));
    let drive = stage.graph_as(&token, &format!("/sites/{id}/drive")).await.json();
    assert_eq!(drive["driveType"], "documentLibrary");
    assert_eq!(drive["webUrl"], "https://contoso.sharepoint.com/sites/team/Shared%20Documents");
    let by_path = "/sites/contoso.sharepoint.com:/sites/team:/drives";
    assert_eq!(stage.graph_as(&token, by_path).await.json()["value"][0]["id"], drive["id"]);
    let found = stage.graph_as(&token, "/sites?search=team").await.json();
    assert_eq!(found["value"][0]["id"], id);

    let groups = stage.graph_as(&token, "/groups").await.json();
    let group = groups["value"][0]["id"].as_str().unwrap();
    let drive = stage.graph_as(&token, &format!("/groups/{group}/drive")).await.json();
    assert_eq!(drive["owner"]["group"]["id"], group);
    let site = "/sites/contoso.sharepoint.com:/sites/Sales:/drive";
    assert_eq!(stage.graph_as(&token, site).await.json()["id"], drive["id"]);
}

/// Section 8: one's own with Files.Read; others need more, and sharing.
#[tokio::test]
async fn somebody_elses_drive_opens_only_what_is_shared() {
    let stage = Stage::business(&[]).await;
    let steps = json!([
        {"op": "write", "path": "open/shared.csv", "text": "1"},
        {"op": "write", "path": "private.csv", "text": "2"},
        {"op": "mark", "path": "open",
         "marks": {"shared": "users", "shared_with": ["ann@contoso.com"]}},
    ]);
    stage.edit("bob@contoso.com", steps).await;
    let ann = stage.token_of("ann@contoso.com", &ALL).await;
    let root = "/users/bob@contoso.com/drive/root";
    assert_eq!(stage.graph_as(&ann, &format!("{root}:/open/shared.csv")).await.status, 200);
    let private = stage.graph_as(&ann, &format!("{root}:/private.csv")).await;
    assert_eq!((private.status, private.error().1), (403, "accessDenied".to_owned()));

    let shared = stage.graph_as(&ann, "/me/drive/sharedWithMe").await.json();
    let row = &shared["value"][0];
    assert_eq!(row["name"], "open");
    let path = format!(
        "/drives/{}/items/{}/children",
        row["remoteItem"]["parentReference"]["driveId"].as_str().unwrap(),
        row["remoteItem"]["id"].as_str().unwrap()
    );
    assert_eq!(stage.graph_as(&ann, &path).await.json()["value"][0]["name"], "shared.csv");
}

#[tokio::test]
async fn another_directory_is_out_of_reach() {
    let stage = Stage::business(&[]).await;
    let drives = stage.control("GET", "/drives", "").await.json();
    let of = |owner: &str| {
        let mut drives = drives["drives"].as_array().unwrap().iter();
        drives.find(|drive| drive["owner"] == owner).unwrap()["id"].as_str().unwrap().to_owned()
    };
    let ann = stage.token_of("ann@contoso.com", &ALL).await;
    let foreign = of("eve@fabrikam.com");
    assert_eq!(stage.graph_as(&ann, &format!("/drives/{foreign}/root")).await.status, 404);
    assert_eq!(stage.graph_as(&ann, "/users/eve@fabrikam.com").await.status, 404);
    let personal = of("carl.example@outlook.com");
    assert_eq!(stage.graph_as(&ann, &format!("/drives/{personal}/root")).await.status, 404);
}

/// Section 8: Files.Read covers only one's own files on work accounts.
#[tokio::test]
async fn a_site_needs_more_than_files_read() {
    let stage = Stage::business(&[]).await;
    let narrow = stage.refresh("common", &[("scope", "Files.Read")]).await.json();
    let narrow = narrow["access_token"].as_str().unwrap();
    let drives = stage.control("GET", "/drives", "").await.json();
    let mut drives = drives["drives"].as_array().unwrap().iter();
    let team = drives.find(|drive| drive["owner"] == "/sites/team").unwrap();
    let path = format!("/drives/{}/root", team["id"].as_str().unwrap());
    assert_eq!(stage.graph_as(narrow, "/me/drive/root").await.status, 200);
    assert_eq!(stage.graph_as(narrow, &path).await.status, 403);
}

/// Section 8: a permission for the application's own folder is none for the drive.
#[tokio::test]
async fn a_permission_for_the_applications_folder_does_not_open_the_drive() {
    let stage = Stage::business(&[("a.csv", "1")]).await;
    let consent = json!({"user": "ann@contoso.com", "scopes": ["Files.ReadWrite.AppFolder"]});
    assert_eq!(stage.control("POST", "/consents", &consent.to_string()).await.status, 200);
    let token = stage.refresh("common", &[("scope", "Files.ReadWrite.AppFolder")]).await.json();
    let token = token["access_token"].as_str().unwrap();
    for path in ["/me/drive/root", "/me/drive/root:/a.csv:/content", "/me/drive/special/approot"] {
        assert_eq!(stage.graph_as(token, path).await.status, 403, "{path}");
    }
}

/// Section 1.1: `u!` and the URL in base64url.
#[tokio::test]
async fn a_sharing_url_leads_to_its_item() {
    for stage in [
        Stage::business(&[("a b/sales #1.csv", "1")]).await,
        Stage::personal(&[("a b/sales #1.csv", "1")]).await,
    ] {
        let item = stage.graph("/me/drive/root:/a%20b/sales%20%231.csv").await.json();
        let url = item["webUrl"].as_str().unwrap();
        let token = format!("u!{}", URL_SAFE_NO_PAD.encode(url));
        let shared = stage.graph(&format!("/shares/{token}/driveItem")).await.json();
        assert_eq!(shared["id"], item["id"]);
        let content = stage.graph(&format!("/shares/{token}/driveItem/content")).await;
        assert_eq!(content.status, 302);
        assert_eq!(stage.graph(&format!("/shares/{token}")).await.json()["name"], "sales #1.csv");
        assert_eq!(stage.graph("/shares/u!bm90aGluZw/driveItem").await.status, 404);
        assert_eq!(stage.graph("/shares/nonsense/driveItem").await.status, 400);
    }
}

/// Section 6.5 and 8: the first delegated request makes the drive; before, others find none.
#[tokio::test]
async fn a_drive_is_provisioned_by_its_owner() {
    let stage = Stage::business(&[]).await;
    let user = json!({"directory": "contoso.com", "email": "new@contoso.com",
        "given_name": "New", "surname": "Example", "unprovisioned": true});
    assert_eq!(stage.control("POST", "/users", &user.to_string()).await.status, 200);
    let ann = stage.token_of("ann@contoso.com", &ALL).await;
    let missing = stage.graph_as(&ann, "/users/new@contoso.com/drive").await;
    assert_eq!((missing.status, missing.error().1), (404, "ResourceNotFound".to_owned()));
    let new = stage.token_of("new@contoso.com", &["Files.Read"]).await;
    assert_eq!(stage.graph_as(&new, "/me/drive").await.status, 200);
}

/// The directory's people.
#[tokio::test]
async fn people_of_ones_directory_are_listed() {
    let stage = Stage::business(&[]).await;
    let ann = stage.token_of("ann@contoso.com", &ALL).await;
    let users = stage.graph_as(&ann, "/users").await.json();
    assert_eq!(users["value"].as_array().unwrap().len(), 2);
    let organization = stage.graph_as(&ann, "/organization").await.json();
    assert_eq!(organization["value"][0]["displayName"], "Contoso");
}

/// Section 9: revokeSignInSessions ends refresh tokens.
#[tokio::test]
async fn a_person_can_revoke_their_sign_ins() {
    let stage = Stage::business(&[]).await;
    let answer = stage.graph_send("POST", "/me/revokeSignInSessions", &[], "").await;
    assert_eq!((answer.status, &answer.json()["value"]), (200, &json!(true)));
    let refused = stage.refresh("common", &[]).await.json();
    assert_eq!(refused["error_codes"][0], 50_173);
    assert_eq!(stage.graph("/me").await.status, 200, "access tokens live on until they expire");
}

/// Everything can be put back as it was.
#[tokio::test]
async fn the_state_can_be_saved_and_loaded() {
    let stage = Stage::business(&[("a.csv", "1")]).await;
    let saved = stage.control("GET", "/state", "").await;
    assert_eq!(saved.status, 200);
    let before = stage.graph("/me/drive/root:/a.csv").await.json();
    stage.edit("primary", json!({"op": "delete", "path": "a.csv"})).await;
    stage.control("POST", "/tokens/revoke", "").await;
    assert_eq!(stage.graph("/me").await.status, 401);
    let loaded = stage.control("PUT", "/state", saved.text()).await;
    assert_eq!(loaded.status, 200, "{}", loaded.text());
    let after = stage.graph("/me/drive/root:/a.csv").await.json();
    assert_eq!((&after["id"], &after["eTag"]), (&before["id"], &before["eTag"]));
    assert_eq!(stage.control("PUT", "/state", "{}").await.status, 400);
}

#[tokio::test]
async fn a_state_that_was_loaded_is_on_disk_and_so_is_what_changes_then() {
    let stage = Stage::business(&[]).await;
    let saved = stage.control("GET", "/state", "").await;
    stage.edit("primary", json!({"op": "write", "path": "x.csv", "text": "1"})).await;
    let user = json!({"directory": "contoso.com", "email": "new@contoso.com",
        "given_name": "New", "surname": "Example"});
    assert_eq!(stage.control("POST", "/users", &user.to_string()).await.status, 200);
    assert_eq!(stage.control("PUT", "/state", saved.text()).await.status, 200);
    let kept = |name: &str| std::fs::read_to_string(stage.state.path().join(name)).unwrap();
    assert!(!kept("state.json").contains("new@contoso.com"));
    assert!(!kept("items.json").contains("x.csv"));
    stage.edit("primary", json!({"op": "write", "path": "y.csv", "text": "1"})).await;
    assert!(kept("items.json").contains("y.csv"));
}

/// Two emulators with one seed are alike.
#[tokio::test]
async fn a_seed_makes_identifiers_the_same() {
    let mut ids = Vec::new();
    for _ in 0..2 {
        let folder = tempfile::tempdir().unwrap();
        crate::stage::write(folder.path(), "drive/a.csv", "1");
        let (drive, state) = (folder.path().join("drive"), folder.path().join("state"));
        let mut config = crate::stage::config(graph_emulator::Profile::Business, &drive, &state);
        config.random_seed = Some("seven".to_owned());
        let emulator = graph_emulator::Emulator::start(config).await.unwrap();
        let ready = emulator.ready().clone();
        ids.push([ready.drive_id, ready.tenant_id, ready.client_id, ready.client_secret]);
        emulator.stop().await.unwrap();
    }
    assert_eq!(ids[0], ids[1]);
}
