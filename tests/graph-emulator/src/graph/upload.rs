//! What a client sends along: JSON, or the content of a file, which goes to disk as it comes. (9)

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::io::AsyncWriteExt;

use super::errors::GraphError;
use crate::body::Counted;
use crate::drive::Source;
use crate::world::World;

/// Larger files need an upload session. (9)
const MAX_FILE: u64 = 250 * 1024 * 1024;

/// What came with a request.
pub(super) enum Received {
    Nothing,
    Json(Bytes),
    /// Kept already: its length and where it is.
    File((u64, Source)),
}

impl Received {
    /// The name of what was kept.
    pub(super) fn blob(&self) -> Option<&str> {
        match self {
            Self::File((_, Source::Blob(name))) => Some(name),
            _ => None,
        }
    }
}

/// Takes a file into the state directory.
pub(super) async fn receive(
    world: &World,
    mut body: Counted<Incoming>,
) -> Result<(u64, Source), GraphError> {
    let trouble = |_| GraphError::general_exception();
    let name = world.blobs.fresh(&world.random);
    let path = world.blobs.path(&name);
    let mut file = tokio::fs::File::create(&path).await.map_err(trouble)?;
    let mut size = 0;
    let mut outcome = Ok(());
    while let Some(frame) = body.frame().await {
        let data = match frame.map(http_body::Frame::into_data) {
            Ok(Ok(data)) => data,
            Ok(Err(_)) => continue,
            Err(_) => {
                outcome = Err(GraphError::invalid_request("The request body was cut off"));
                break;
            }
        };
        size += data.len() as u64;
        if size > MAX_FILE {
            outcome = Err(GraphError::too_large());
            break;
        }
        file.write_all(&data).await.map_err(trouble)?;
    }
    file.flush().await.map_err(trouble)?;
    if outcome.is_err() {
        // The blob is nobody's; a leftover would only take room.
        let _ = tokio::fs::remove_file(&path).await;
    }
    outcome.map(|()| (size, Source::Blob(name)))
}
