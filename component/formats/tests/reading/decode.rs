//! The loop in which a caller feeds a decoder.

use arrow_array::RecordBatch;
use tabular_formats::{FormatError, StreamDecoder};

/// Cuts `bytes` into chunks of these sizes, over and over, and decodes them.
pub(crate) fn decode(
    decoder: &mut impl StreamDecoder,
    bytes: &[u8],
    chunks: &[usize],
) -> Result<Vec<RecordBatch>, FormatError> {
    let mut batches = Vec::new();
    let mut rest = bytes;
    for size in chunks.iter().cycle() {
        if rest.is_empty() || decoder.done() {
            break;
        }
        let chunk = &rest[..rest.len().min(*size)];
        let taken = decoder.decode(chunk)?;
        let batch = decoder.take_batch()?;
        assert!(taken == chunk.len() || batch.is_some() || decoder.done(), "no progress");
        batches.extend(batch);
        rest = &rest[taken..];
    }
    while let Some(batch) = decoder.finish()? {
        batches.push(batch);
    }
    Ok(batches)
}
