//! Record batches as the contract's pieces: encapsulated Arrow IPC messages,
//! without compression and dictionaries, cut at 1 MiB.

use std::collections::VecDeque;

use arrow_array::RecordBatch;
use arrow_ipc::writer::{
    DictionaryTracker, IpcDataGenerator, IpcWriteOptions, StreamEncoder, write_message,
};
use arrow_schema::{ArrowError, Schema, SchemaRef};

use crate::contract::Piece;
use crate::error::{Error, ErrorKind, Result};

/// The largest piece.
const PIECE: usize = 1 << 20;

/// The encapsulated schema message.
pub(crate) fn schema_message(schema: &Schema) -> Result<Vec<u8>> {
    let options = IpcWriteOptions::default();
    let mut tracker = DictionaryTracker::new(true);
    let encoded = IpcDataGenerator::default().schema_to_bytes_with_dictionary_tracker(
        schema,
        &mut tracker,
        &options,
    );
    let mut bytes = Vec::new();
    write_message(&mut bytes, encoded, &options).map_err(internal)?;
    Ok(bytes)
}

/// The schema of such a message.
pub(crate) fn read_schema_message(bytes: &[u8]) -> Option<Schema> {
    arrow_ipc::convert::try_schema_from_ipc_buffer(bytes).ok()
}

/// Encodes batches of one schema and hands them out in pieces.
pub(crate) struct Pieces {
    encoder: StreamEncoder,
    queue: VecDeque<Piece>,
}

impl Pieces {
    pub(crate) fn new(schema: &SchemaRef) -> Result<Self> {
        let mut encoder = StreamEncoder::try_new(schema).map_err(internal)?;
        // The first call also encodes the schema, which is not part of our stream.
        encoder.encode(&RecordBatch::new_empty(schema.clone())).map_err(internal)?;
        Ok(Self { encoder, queue: VecDeque::new() })
    }

    /// The next piece, if a batch is at hand.
    pub(crate) fn pop(&mut self) -> Option<Piece> {
        self.queue.pop_front()
    }

    /// Encodes a batch; one without rows gives no message.
    pub(crate) fn push(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let buffers = self.encoder.encode(batch).map_err(internal)?;
        let mut left: usize = buffers.iter().map(arrow_buffer::Buffer::len).sum();
        let mut bytes = Vec::with_capacity(left.min(PIECE));
        for buffer in &buffers {
            let mut rest = buffer.as_slice();
            while !rest.is_empty() {
                let (now, later) = rest.split_at(rest.len().min(PIECE - bytes.len()));
                bytes.extend_from_slice(now);
                left -= now.len();
                rest = later;
                if bytes.len() == PIECE || left == 0 {
                    let full = std::mem::replace(&mut bytes, Vec::with_capacity(left.min(PIECE)));
                    self.queue.push_back(Piece { bytes: full, ends_message: left == 0 });
                }
            }
        }
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "is used as a function value")]
fn internal(error: ArrowError) -> Error {
    Error::new(ErrorKind::Internal, format!("A record batch cannot be encoded: {error}."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{ArrayRef, BinaryArray, Int64Array};
    use arrow_ipc::reader::StreamDecoder;
    use std::sync::Arc;

    fn read_back(schema: &SchemaRef, pieces: &[Piece]) -> Vec<RecordBatch> {
        let mut decoder = StreamDecoder::new();
        let mut stream = schema_message(schema).unwrap();
        for piece in pieces {
            stream.extend_from_slice(&piece.bytes);
        }
        let mut buffer = arrow_buffer::Buffer::from_vec(stream);
        let mut batches = Vec::new();
        while let Some(batch) = decoder.decode(&mut buffer).unwrap() {
            batches.push(batch);
        }
        batches
    }

    #[test]
    fn batches_read_back_as_they_were() {
        let column: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(3)]));
        let batch = RecordBatch::try_from_iter([("n", column)]).unwrap();
        let mut pieces = Pieces::new(&batch.schema()).unwrap();
        pieces.push(&batch).unwrap();
        pieces.push(&batch.slice(0, 0)).unwrap();
        pieces.push(&batch.slice(1, 2)).unwrap();
        let all: Vec<Piece> = std::iter::from_fn(|| pieces.pop()).collect();
        assert_eq!(all.len(), 2, "an empty batch makes no message");
        assert_eq!(read_back(&batch.schema(), &all), [batch.clone(), batch.slice(1, 2)]);
    }

    #[test]
    fn a_large_cell_spans_pieces_of_at_most_one_mebibyte() {
        let column: ArrayRef = Arc::new(BinaryArray::from_vec(vec![&[7; 3_000_000]]));
        let batch = RecordBatch::try_from_iter([("b", column)]).unwrap();
        let mut pieces = Pieces::new(&batch.schema()).unwrap();
        pieces.push(&batch).unwrap();
        let all: Vec<Piece> = std::iter::from_fn(|| pieces.pop()).collect();
        let ends: Vec<bool> = all.iter().map(|p| p.ends_message).collect();
        assert_eq!(ends, [false, false, true]);
        assert!(all.iter().all(|p| p.bytes.len() <= PIECE));
        assert_eq!(read_back(&batch.schema(), &all), [batch]);
    }
}
