//! Items that are unusual, and the ways in which the service varies.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::stage::Stage;

/// Section 2 and 11.10: 403, at Graph and at the download host.
#[tokio::test]
async fn malware_is_told_and_not_given() {
    let stage = Stage::business(&[("a.csv", "1")]).await;
    let url = stage.download_url("a.csv").await;
    let marks = json!({"malware": "EICAR test file"});
    stage.edit("primary", json!({"op": "mark", "path": "a.csv", "marks": marks})).await;
    let item = stage.graph("/me/drive/root:/a.csv").await.json();
    assert_eq!(item["malware"]["description"], "EICAR test file");
    assert!(item.get("@microsoft.graph.downloadUrl").is_none());
    let refused = stage.graph("/me/drive/root:/a.csv:/content").await;
    assert_eq!((refused.status, refused.error().1), (403, "malwareDetected".to_owned()));
    let direct = stage.get(&url, &[]).await;
    assert_eq!((direct.status, direct.headers.contains_key("x-virus-infected")), (403, true));
}

/// Section 1.9: neither file nor folder, but with children.
#[tokio::test]
async fn a_package_is_neither_file_nor_folder() {
    let stage = Stage::business(&[("Notebook/page.one", "1")]).await;
    let marks = json!({"package": "oneNote", "told_size": -1});
    stage.edit("primary", json!({"op": "mark", "path": "Notebook", "marks": marks})).await;
    let item = stage.graph("/me/drive/root:/Notebook").await.json();
    assert_eq!((&item["package"], &item["size"]), (&json!({"type": "oneNote"}), &json!(-1)));
    assert!(item.get("file").is_none() && item.get("folder").is_none());
    let children = stage.graph("/me/drive/root:/Notebook:/children").await.json();
    assert_eq!(children["value"].as_array().unwrap().len(), 1);
    let upload = stage.graph_send("PUT", "/me/drive/root:/Notebook:/content", &[], "x").await;
    assert_eq!(upload.error().1, "nameAlreadyExists");
}

/// Section 1.9: a shortcut is read in the drive that it points to; a path does not cross it (11.18).
#[tokio::test]
async fn a_shortcut_leads_to_an_item_of_another_drive() {
    let stage = Stage::business(&[]).await;
    let steps = json!({"op": "write", "path": "Reports/q3.csv", "text": "team"});
    stage.edit("sites/team", steps).await;
    let shortcut =
        json!({"op": "shortcut", "path": "Team", "drive": "sites/team", "target": "Reports"});
    stage.edit("primary", shortcut).await;
    let stub = stage.graph("/me/drive/root:/Team").await.json();
    assert!(stub.get("folder").is_none() && stub.get("file").is_none());
    let remote = &stub["remoteItem"];
    assert_eq!(remote["folder"]["childCount"], 1);
    let path = format!(
        "/drives/{}/items/{}/children",
        remote["parentReference"]["driveId"].as_str().unwrap(),
        remote["id"].as_str().unwrap()
    );
    assert_eq!(stage.graph(&path).await.json()["value"][0]["name"], "q3.csv");
    assert_eq!(stage.graph("/me/drive/root:/Team/q3.csv").await.status, 404);
}

/// Section 3.2: since 2025-03 lists and delta show shortcuts only to clients that ask for them.
#[tokio::test]
async fn shortcuts_are_listed_for_clients_that_prefer_them() {
    let stage = Stage::business(&[]).await;
    stage.edit("sites/team", json!({"op": "folder", "path": "Reports"})).await;
    let shortcut =
        json!({"op": "shortcut", "path": "Team", "drive": "sites/team", "target": "Reports"});
    stage.edit("primary", shortcut).await;
    let prefer = [("prefer", "hierarchicalsharing, Include-Feature=AddToOneDrive")];
    for path in ["/me/drive/root/children", "/me/drive/root/delta"] {
        let rows = async |headers: &[(&str, &str)]| {
            let page = stage.graph_with(path, headers).await.json();
            page["value"].as_array().unwrap().iter().filter(|row| row["name"] == "Team").count()
        };
        assert_eq!((rows(&[]).await, rows(&prefer).await), (0, 1), "{path}");
        stage.vary(json!({"shortcuts_need_prefer": false})).await;
        assert_eq!(rows(&[]).await, 1);
        stage.vary(json!({"shortcuts_need_prefer": true})).await;
    }
}

/// Section 3.2: a shortcut that is not shown is neither counted, nor expanded, nor repeated.
#[tokio::test]
async fn a_hidden_shortcut_leaves_no_trace() {
    let stage = Stage::personal(&[("a.csv", "1")]).await;
    let shared = json!({"op": "folder", "path": "Reports"});
    stage.edit("carl.example@outlook.com", shared).await;
    let shortcut = json!({"op": "shortcut", "path": "Team", "drive": "carl.example@outlook.com",
        "target": "Reports"});
    stage.edit("primary", shortcut).await;
    let prefer = [("prefer", "Include-Feature=AddToOneDrive")];
    for (headers, count) in [(&[][..], 1), (&prefer[..], 2)] {
        let list = stage.graph_with("/me/drive/root/children", headers).await.json();
        assert_eq!(list["@odata.count"], count);
        let root = stage.graph_with("/me/drive/root?$expand=children", headers).await.json();
        assert_eq!(root["children"].as_array().unwrap().len(), count);
    }
    stage.vary(json!({"delta_duplicates": true})).await;
    let start = stage.graph("/me/drive/root/delta?token=latest").await.json();
    let other = json!({"op": "shortcut", "path": "Other", "drive": "carl.example@outlook.com",
        "target": "Reports"});
    stage.edit("primary", other).await;
    let link = start["@odata.deltaLink"].as_str().unwrap();
    let path = link.strip_prefix("https://graph.microsoft.com/v1.0").unwrap();
    let alone = ("deltaexcludeparent", "true");
    for (headers, count) in [(&[alone][..], 0), (&[alone, prefer[0]], 2)] {
        let changed = stage.graph_with(path, headers).await.json();
        assert_eq!(changed["value"].as_array().unwrap().len(), count);
    }
}

/// Section 3.2: permission scanning is told which items' sharing changed.
#[tokio::test]
async fn delta_tells_of_sharing_to_whoever_may_scan_permissions() {
    let stage = Stage::business(&[("a.csv", "1")]).await;
    let marks = json!({"shared": "users"});
    stage.edit("primary", json!({"op": "mark", "path": "a.csv", "marks": marks})).await;
    let scopes = ["Sites.FullControl.All"];
    let bearer = format!("Bearer {}", stage.token_of("ann@contoso.com", &scopes).await);
    let url = "https://graph.microsoft.com/v1.0/me/drive/root/delta";
    let headers = [("authorization", bearer.as_str()), ("prefer", "deltashowsharingchanges")];
    let page = stage.get(url, &headers).await.json();
    assert_eq!(page["value"][1]["@microsoft.graph.sharedChanged"], "True");
    let plain = stage.graph_with("/me/drive/root/delta", &headers[1..]).await.json();
    assert!(plain["value"][1].get("@microsoft.graph.sharedChanged").is_none());
}

/// Section 1.9: a stub without anything.
#[tokio::test]
async fn a_locked_vault_is_a_stub() {
    let stage = Stage::personal(&[]).await;
    stage.edit("primary", json!({"op": "vault", "path": "Personal Vault"})).await;
    let vault = stage.graph("/me/drive/root:/Personal%20Vault").await.json();
    assert!(vault.get("file").is_none() && vault.get("folder").is_none());
    assert!(vault.get("webUrl").is_none());
    assert_eq!(vault["createdBy"]["user"]["displayName"], "System Account");
}

/// Section 1.1: well-known folders; business has a subset.
#[tokio::test]
async fn special_folders_have_names() {
    let stage = Stage::personal(&[("Documents/a.csv", "1"), ("Bilder/b.png", "2")]).await;
    let marks = json!({"special": "photos"});
    stage.edit("primary", json!({"op": "mark", "path": "Bilder", "marks": marks})).await;
    let photos = stage.graph("/me/drive/special/photos").await.json();
    assert_eq!(
        (&photos["name"], &photos["specialFolder"]["name"]),
        (&json!("Bilder"), &json!("photos"))
    );
    assert_eq!(stage.graph("/me/drive/special/documents:/a.csv").await.status, 200);
    assert_eq!(stage.graph("/me/drive/special/nonsense").await.status, 400);
    assert_eq!(stage.graph("/me/drive/special/approot").await.json()["name"], "Drive reader");
    let business = Stage::business(&[("Music/a.mp3", "1")]).await;
    assert_eq!(business.graph("/me/drive/special/music").await.status, 400);
}

/// Section 2: any hash may be missing.
#[tokio::test]
async fn hashes_can_be_missing() {
    let stage = Stage::business(&[("a.csv", "1"), ("b.csv", "2")]).await;
    let marks = json!({"without_hashes": true});
    stage.edit("primary", json!({"op": "mark", "path": "a.csv", "marks": marks})).await;
    assert!(stage.graph("/me/drive/root:/a.csv").await.json()["file"].get("hashes").is_none());
    assert!(stage.graph("/me/drive/root:/b.csv").await.json()["file"].get("hashes").is_some());
    stage.vary(json!({"hashes": false})).await;
    assert!(stage.graph("/me/drive/root:/b.csv").await.json()["file"].get("hashes").is_none());
}

/// Section 11.1: metadata tells another size than is delivered.
#[tokio::test]
async fn a_told_size_can_be_wrong() {
    let stage = Stage::business(&[("a.docx", "12345")]).await;
    let marks = json!({"told_size": 3});
    stage.edit("primary", json!({"op": "mark", "path": "a.docx", "marks": marks})).await;
    assert_eq!(stage.graph("/me/drive/root:/a.docx").await.json()["size"], 3);
    let url = stage.download_url("a.docx").await;
    assert_eq!(stage.get(&url, &[]).await.text(), "12345");
}

/// Section 11.3: casing and a leading zero differ between endpoints.
#[tokio::test]
async fn a_personal_drive_id_can_be_written_otherwise() {
    let stage = Stage::personal(&[("a.csv", "1")]).await;
    stage.vary(json!({"drive_ids": "lower"})).await;
    let item = stage.graph("/me/drive/root:/a.csv").await.json();
    let told = item["parentReference"]["driveId"].as_str().unwrap();
    assert_eq!(told, stage.ready().drive_id.to_lowercase());
    assert_eq!(stage.graph(&format!("/drives/{told}/root:/a.csv")).await.status, 200);
}

/// Section 1.6: older rows had fractions of seconds.
#[tokio::test]
async fn times_can_have_fractions() {
    let stage = Stage::personal(&[("a.csv", "1")]).await;
    stage.vary(json!({"fraction_digits": 7})).await;
    let item = stage.graph("/me/drive/root:/a.csv").await.json();
    let time = item["lastModifiedDateTime"].as_str().unwrap();
    assert_eq!((time.len(), time.ends_with('Z')), ("2026-01-06T09:30:00.1234567Z".len(), true));
}

/// Section 2: 302, 200 with the bytes, and once a 302 without a Location.
#[tokio::test]
async fn content_can_be_answered_in_three_ways() {
    let stage = Stage::business(&[("a.csv", "12345")]).await;
    let path = "/me/drive/root:/a.csv:/content";
    stage.vary(json!({"content": "direct"})).await;
    let direct = stage.graph_with(path, &[("range", "bytes=1-2")]).await;
    assert_eq!((direct.status, direct.text()), (200, "12345"), "Graph does not honour ranges");
    stage.vary(json!({"content": "nowhere"})).await;
    let nowhere = stage.graph(path).await;
    assert_eq!((nowhere.status, nowhere.headers.contains_key("location")), (302, false));
}

/// Section 2: the server may ignore a range, and may tolerate a bearer.
#[tokio::test]
async fn a_download_host_can_be_lenient() {
    let stage = Stage::business(&[("a.csv", "12345")]).await;
    let url = stage.download_url("a.csv").await;
    stage.vary(json!({"ignore_range": true, "refuse_bearer": false})).await;
    let headers = [("range", "bytes=1-2"), ("authorization", "Bearer x")];
    let answer = stage.get(&url, &headers).await;
    assert_eq!((answer.status, answer.text()), (200, "12345"));
}

/// Section 2: links die.
#[tokio::test]
async fn links_can_be_killed_and_live_as_long_as_told() {
    let stage = Stage::business(&[("a.csv", "12345")]).await;
    let url = stage.download_url("a.csv").await;
    stage.control("POST", "/links/expire", "").await;
    assert_eq!(stage.get(&url, &[]).await.status, 401);
    stage.vary(json!({"link_lifetime_ms": 10_000})).await;
    stage.advance(std::time::Duration::from_secs(1)).await;
    let url = stage.download_url("a.csv").await;
    assert_eq!(stage.get(&url, &[]).await.status, 200);
    stage.advance(std::time::Duration::from_secs(10)).await;
    assert_eq!(stage.get(&url, &[]).await.status, 401);
}

/// Section 6.1: `innererror` on OneDrive backends.
#[tokio::test]
async fn the_inner_error_has_two_spellings() {
    let stage = Stage::business(&[]).await;
    stage.vary(json!({"lower_case_inner_error": true})).await;
    let error = stage.graph("/me/drive/root:/nothing").await.json();
    assert!(error["error"]["innererror"]["request-id"].is_string());
}

/// Section 1.4: empty pages and links that loop.
#[tokio::test]
async fn a_list_can_have_empty_pages_and_loops() {
    let stage = Stage::business(&[("a", "1"), ("b", "2")]).await;
    stage.vary(json!({"empty_pages": true, "page_limit": 1})).await;
    let pages = stage.pages("/me/drive/root/children").await;
    let sizes: Vec<usize> =
        pages.iter().map(|page| page["value"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [0, 1, 0, 1]);
    stage.vary(json!({"empty_pages": false, "next_link_loops": true})).await;
    let page = stage.graph("/me/drive/root/children").await.json();
    let again = stage.follow(page["@odata.nextLink"].as_str().unwrap()).await.json();
    assert_eq!(page["value"][0]["name"], again["value"][0]["name"]);
}

#[tokio::test]
async fn an_unknown_switch_is_refused_with_its_name() {
    let stage = Stage::business(&[]).await;
    let answer = stage.control("POST", "/variants", "{\"delta_path\":true}").await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("delta_path"), "{}", answer.text());
    let all = stage.control("GET", "/variants", "").await.json();
    assert_eq!(all["delta_paths"], true);
}

/// Section 1.8: `CID!114`, and tags that are `a` and base64.
#[tokio::test]
async fn a_legacy_personal_drive_has_other_identifiers_and_tags() {
    let stage = Stage::personal(&[]).await;
    let user = json!({"directory": "consumers", "email": "old@outlook.com", "given_name": "Old",
        "surname": "Example", "legacy": true});
    let user = stage.control("POST", "/users", &user.to_string()).await.json();
    stage.edit("old@outlook.com", json!({"op": "write", "path": "a.csv", "text": "1"})).await;
    let token = stage.token_of("old@outlook.com", &["Files.Read"]).await;
    let item = stage.graph_as(&token, "/me/drive/root:/a.csv").await.json();
    let id = item["id"].as_str().unwrap();
    assert_eq!(id, format!("{}!101", user["drive_id"].as_str().unwrap()));
    for (tag, expected) in [("eTag", format!("{id}.2")), ("cTag", format!("c:{id}.258"))] {
        let encoded = item[tag].as_str().unwrap().strip_prefix('a').unwrap();
        assert_eq!(STANDARD.decode(encoded).unwrap(), expected.as_bytes(), "{tag}");
    }
    assert_eq!(stage.graph_as(&token, &format!("/me/drive/items/{id}")).await.status, 200);
}
