//! Large drives and large files.

use graph_emulator::{Emulator, Profile, Seed};
use serde_json::json;

use crate::stage::{Stage, config};

async fn synthetic(items: u64, rows: u64) -> Stage {
    let (drive, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut config = config(Profile::Business, drive.path(), state.path());
    config.seed = Seed::Synthetic { items, rows };
    let emulator = Emulator::start(config).await.unwrap();
    Stage { emulator, drive, state }
}

#[tokio::test]
async fn a_synthetic_drive_has_as_many_items_as_asked_for() {
    let stage = synthetic(5_000, 10).await;
    let pages = stage.pages("/me/drive/root/delta?$top=1000&$select=id,name,parentReference").await;
    let rows: usize = pages.iter().map(|page| page["value"].as_array().unwrap().len()).sum();
    assert_eq!(rows, 5_001, "the root is one more");
}

#[tokio::test]
async fn a_generated_file_is_a_table_of_the_size_told() {
    let stage = synthetic(300, 1_000).await;
    let item = stage.graph("/me/drive/root:/area-000/folder-00000/file-0000000.csv").await.json();
    let url = item["@microsoft.graph.downloadUrl"].as_str().unwrap();
    let content = stage.get(url, &[]).await;
    assert_eq!(content.body.len() as u64, item["size"].as_u64().unwrap());
    assert_eq!(content.text().lines().count(), 1_001);
    let part = stage.get(url, &[("range", "bytes=1000-1999")]).await;
    assert_eq!(&part.body[..], &content.body[1_000..2_000]);
}

/// What changed in a generated drive survives; the rest makes itself again.
#[tokio::test]
async fn a_synthetic_drive_goes_on_after_a_restart() {
    let Stage { emulator, drive, state } = synthetic(1_000, 10).await;
    let stage = Stage { emulator, drive, state };
    let path = "/me/drive/root:/area-000/folder-00000/file-0000005.csv";
    let before = stage.graph(path).await.json();
    let steps = json!([
        {"op": "delete", "path": "area-000/folder-00000/file-0000001.csv"},
        {"op": "move", "path": "area-000/folder-00000/file-0000002.csv", "to": "moved.csv"},
        {"op": "write", "path": "new.csv", "text": "x"},
    ]);
    stage.edit("primary", steps).await;
    let Stage { emulator, drive, state } = stage;
    emulator.stop().await.unwrap();
    let again = config(Profile::Business, drive.path(), state.path());
    let mut again = again;
    again.seed = Seed::Synthetic { items: 1_000, rows: 10 };
    let emulator = Emulator::start(again).await.unwrap();
    let stage = Stage { emulator, drive, state };
    let after = stage.graph(path).await.json();
    assert_eq!((&before["id"], &before["eTag"]), (&after["id"], &after["eTag"]));
    for (path, status) in [
        ("area-000/folder-00000/file-0000001.csv", 404),
        ("area-000/folder-00000/file-0000002.csv", 404),
        ("moved.csv", 200),
        ("new.csv", 200),
    ] {
        assert_eq!(stage.graph(&format!("/me/drive/root:/{path}")).await.status, status, "{path}");
    }
}
