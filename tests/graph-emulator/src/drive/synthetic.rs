//! Drives of any number of items that nobody has to have on disk.

use serde::{Deserialize, Serialize};

use super::content::Source;
use super::generated::{Generated, MAX_ROWS, at_most};
use super::tree::{Body, Folder, Index, Seedling, TOP, Tree};

/// Items of the largest drive: the bytes of so many of the largest files still add up in 63 bits.
pub const MAX_ITEMS: u64 = 10_000_000;
/// Files of one folder.
const FILES: u64 = 200;
/// Folders of one area.
const FOLDERS: u64 = 100;
/// Between the modifications of two files.
const STEP_MS: i64 = 1_000;

/// A drive of so many items: areas, folders in them, files in those.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Synthetic {
    /// Files and folders, the root not counted.
    #[serde(deserialize_with = "at_most::<_, MAX_ITEMS>")]
    pub(crate) items: u64,
    /// Rows of each file.
    #[serde(default = "ten", deserialize_with = "at_most::<_, MAX_ROWS>")]
    pub(crate) rows: u64,
}

fn ten() -> u64 {
    10
}

impl Tree {
    /// Fills a new drive; the same number gives the same items again.
    pub(super) fn fill(&mut self, synthetic: Synthetic, made_ms: i64) {
        let (mut left, mut files, mut folders, mut areas) = (synthetic.items, 0, 0, 0);
        let (mut area, mut folder) = (TOP, TOP);
        let first_ms = made_ms - synthetic.items as i64 * STEP_MS;
        while left > 0 {
            left -= 1;
            if folders % FOLDERS == 0 && area == TOP {
                area = self.add_folder(TOP, format!("area-{areas:03}"), first_ms);
                areas += 1;
            } else if files % FILES == 0 && folder == TOP {
                folder = self.add_folder(area, format!("folder-{folders:05}"), first_ms);
                folders += 1;
            } else {
                let time_ms = first_ms + files as i64 * STEP_MS;
                self.add_file(folder, files, synthetic.rows, time_ms);
                files += 1;
                if files % FILES == 0 {
                    folder = TOP;
                    if folders % FOLDERS == 0 {
                        area = TOP;
                    }
                }
            }
        }
    }

    fn add_folder(&mut self, parent: Index, name: String, time_ms: i64) -> Index {
        let body = Body::Folder(Folder::default());
        self.insert(parent, Seedling { name, created_ms: time_ms, modified_ms: time_ms, body })
    }

    fn add_file(&mut self, parent: Index, number: u64, rows: u64, time_ms: i64) {
        let extension = if number % 4 == 3 { "txt" } else { "csv" };
        let generated = Generated { seed: number, rows };
        let body = Body::File { size: generated.size(), source: Source::Generated(generated) };
        let name = format!("file-{number:07}.{extension}");
        self.insert(parent, Seedling { name, created_ms: time_ms, modified_ms: time_ms, body });
    }
}
