//! From pieces to record batches: an assembler that bounds a message, and a decoder that looks at
//! every size and offset before arrow-ipc, which trusts them, sees the bytes.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::read_record_batch;
use arrow_ipc::{MessageHeader, MetadataVersion, root_as_message};
use arrow_schema::SchemaRef;

use super::schema::CONTINUATION;

/// Bytes of one piece.
const PIECE: usize = 1 << 20;
/// Bytes before the flatbuffer: marker and length.
const PREFIX: usize = 8;
/// Rows of one message; columns without bytes could claim any number, and an
/// engine gives every row of them some bytes.
const ROWS: i64 = 1 << 22;

/// Why pieces are no record batch of the plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MessageViolation {
    #[error("a piece is larger than {PIECE} bytes")]
    PieceTooLarge,
    #[error("a piece is empty")]
    EmptyPiece,
    #[error("a message is larger than {0} bytes")]
    TooLarge(usize),
    #[error("a message is not complete at the end")]
    Incomplete,
    #[error("a message is malformed: {0}")]
    Malformed(String),
    #[error("a message is compressed")]
    Compressed,
    #[error("a message is not a record batch")]
    NotARecordBatch,
    #[error("a record batch does not fit the plan's schema: {0}")]
    Mismatch(String),
}

/// Puts pieces together.
#[derive(Debug)]
pub(crate) struct Assembler {
    limit: usize,
    message: Vec<u8>,
}

impl Assembler {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, message: Vec::new() }
    }

    /// Takes a piece; returns the message that ends with it.
    pub(crate) fn push(
        &mut self,
        piece: Vec<u8>,
        ends_message: bool,
    ) -> Result<Option<Buffer>, MessageViolation> {
        if piece.len() > PIECE {
            return Err(MessageViolation::PieceTooLarge);
        }
        if piece.is_empty() {
            return Err(MessageViolation::EmptyPiece);
        }
        if self.message.len() + piece.len() > self.limit {
            return Err(MessageViolation::TooLarge(self.limit));
        }
        // A message of one piece, the usual case, is not copied.
        if self.message.is_empty() {
            self.message = piece;
        } else {
            self.message.extend_from_slice(&piece);
        }
        Ok(ends_message.then(|| Buffer::from_vec(std::mem::take(&mut self.message))))
    }

    /// At the end nothing may be left over.
    pub(crate) fn finish(&self) -> Result<(), MessageViolation> {
        if self.message.is_empty() { Ok(()) } else { Err(MessageViolation::Incomplete) }
    }
}

/// Decodes one encapsulated record batch message.
pub(crate) fn decode(
    message: &Buffer,
    schema: &SchemaRef,
) -> Result<RecordBatch, MessageViolation> {
    let malformed = |what: &str| MessageViolation::Malformed(what.to_owned());
    let (header, body) = split(message)?;
    let header =
        root_as_message(header).map_err(|error| MessageViolation::Malformed(error.to_string()))?;
    if header.version() != MetadataVersion::V5 {
        return Err(malformed("it is not of version 5"));
    }
    if header.header_type() != MessageHeader::RecordBatch {
        return Err(MessageViolation::NotARecordBatch);
    }
    let batch = header.header_as_record_batch().ok_or(MessageViolation::NotARecordBatch)?;
    if batch.compression().is_some() {
        return Err(MessageViolation::Compressed);
    }
    let body_len = i64::try_from(body.len()).map_err(|_| malformed("it is too large"))?;
    if header.bodyLength() != body_len {
        return Err(malformed("its body is not as long as it says"));
    }
    if !(0..=ROWS).contains(&batch.length()) {
        return Err(malformed("its number of rows is out of range"));
    }
    for node in batch.nodes().into_iter().flatten() {
        if !(0..=ROWS).contains(&node.length()) || !(0..=node.length()).contains(&node.null_count())
        {
            return Err(malformed("the length of a column is out of range"));
        }
    }
    let mut total = 0_i64;
    for buffer in batch.buffers().into_iter().flatten() {
        total = total.saturating_add(buffer.length());
        let end = buffer.offset().checked_add(buffer.length());
        if buffer.offset() < 0 || buffer.length() < 0 || end.is_none_or(|end| end > body_len) {
            return Err(malformed("a buffer lies outside of its body"));
        }
    }
    // A decoder may copy each of them, so that many over the same bytes would cost many times.
    if total > body_len {
        return Err(malformed("its buffers overlap"));
    }
    let buffers = batch.buffers().map_or(0, |buffers| buffers.len());
    for count in batch.variadicBufferCounts().into_iter().flatten() {
        if usize::try_from(count).map_or(true, |count| count > buffers) {
            return Err(malformed("a count of buffers is out of range"));
        }
    }
    // arrow-ipc asserts in places; a panic in it is the guest's doing and must not be ours.
    let decoding = AssertUnwindSafe(|| {
        let none = HashMap::new();
        read_record_batch(&body, batch, schema.clone(), &none, None, &MetadataVersion::V5)
    });
    match catch_unwind(decoding) {
        Ok(Ok(batch)) => Ok(batch),
        Ok(Err(error)) => Err(MessageViolation::Mismatch(error.to_string())),
        Err(_) => Err(MessageViolation::Mismatch("its columns are inconsistent".to_owned())),
    }
}

/// Header and body of an encapsulated message.
fn split(message: &Buffer) -> Result<(&[u8], Buffer), MessageViolation> {
    let malformed = || MessageViolation::Malformed("its frame is broken".to_owned());
    let rest = message.strip_prefix(&CONTINUATION).ok_or_else(malformed)?;
    let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(malformed)?;
    let length = usize::try_from(i32::from_le_bytes(*length)).map_err(|_| malformed())?;
    let header = rest.get(..length).ok_or_else(malformed)?;
    Ok((header, message.slice(PREFIX + length)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::types::Int32Type;
    use arrow_array::{ArrayRef, Int64Array, ListArray, RecordBatchOptions, StringArray};
    use arrow_ipc::writer::StreamWriter;
    use arrow_schema::{DataType, Field, Schema};
    use proptest::prelude::*;

    use super::*;

    fn batch() -> RecordBatch {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("n", Arc::new(Int64Array::from(vec![Some(1), None, Some(3)]))),
            ("s", Arc::new(StringArray::from(vec![Some("a"), Some("bb"), None]))),
            (
                "l",
                Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(vec![
                    Some(vec![Some(1)]),
                    None,
                    Some(vec![None, Some(2)]),
                ])),
            ),
        ];
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true)))
            .unwrap()
    }

    /// The bytes of the batch alone: no schema message, no end marker.
    fn message(batch: &RecordBatch) -> Vec<u8> {
        let mut header = Vec::new();
        StreamWriter::try_new(&mut header, &batch.schema()).unwrap();
        let mut bytes = Vec::new();
        let mut writer = StreamWriter::try_new(&mut bytes, &batch.schema()).unwrap();
        writer.write(batch).unwrap();
        drop(writer);
        bytes.split_off(header.len())
    }

    fn decode_bytes(bytes: Vec<u8>, schema: &SchemaRef) -> Result<RecordBatch, MessageViolation> {
        decode(&Buffer::from_vec(bytes), schema)
    }

    #[test]
    fn a_batch_comes_back_as_it_was() {
        let batch = batch();
        assert_eq!(decode_bytes(message(&batch), &batch.schema()).unwrap(), batch);
    }

    #[test]
    fn rows_without_columns_are_counted() {
        let options = RecordBatchOptions::new().with_row_count(Some(7));
        let schema = Arc::new(Schema::empty());
        let batch = RecordBatch::try_new_with_options(schema.clone(), vec![], &options).unwrap();
        assert_eq!(decode_bytes(message(&batch), &schema).unwrap().num_rows(), 7);
    }

    #[test]
    fn a_message_may_span_pieces() {
        let batch = batch();
        let bytes = message(&batch);
        let mut assembler = Assembler::new(1 << 20);
        let (first, second) = bytes.split_at(10);
        assert!(assembler.push(first.to_vec(), false).unwrap().is_none());
        assert_eq!(assembler.finish(), Err(MessageViolation::Incomplete));
        let whole = assembler.push(second.to_vec(), true).unwrap().unwrap();
        assert_eq!(decode(&whole, &batch.schema()).unwrap(), batch);
        assert_eq!(assembler.finish(), Ok(()));
    }

    #[test]
    fn pieces_and_messages_are_bounded() {
        let mut assembler = Assembler::new(PIECE + 10);
        assert_eq!(assembler.push(vec![0; PIECE + 1], false), Err(MessageViolation::PieceTooLarge));
        assert_eq!(assembler.push(Vec::new(), false), Err(MessageViolation::EmptyPiece));
        assert_eq!(assembler.push(vec![0; PIECE], false), Ok(None));
        assert_eq!(assembler.push(vec![0; 11], false), Err(MessageViolation::TooLarge(PIECE + 10)));
    }

    #[test]
    fn a_batch_of_another_schema_is_refused() {
        let bytes = message(&batch());
        for fields in [
            vec![Field::new("n", DataType::Utf8, true)],
            vec![Field::new("n", DataType::Int64, false)],
        ] {
            let schema = Arc::new(Schema::new(fields));
            assert!(decode_bytes(bytes.clone(), &schema).is_err(), "{schema:?}");
        }
    }

    #[test]
    fn other_messages_are_refused() {
        let batch = batch();
        let mut stream = Vec::new();
        StreamWriter::try_new(&mut stream, &batch.schema()).unwrap();
        assert_eq!(decode_bytes(stream, &batch.schema()), Err(MessageViolation::NotARecordBatch));
        let end = [CONTINUATION, [0; 4]].concat();
        assert!(decode_bytes(end, &batch.schema()).is_err());
        assert!(decode_bytes(b"plain text".to_vec(), &batch.schema()).is_err());
    }

    #[test]
    fn bytes_after_the_message_are_refused() {
        let batch = batch();
        let mut bytes = message(&batch);
        bytes.extend_from_slice(&[0; 8]);
        assert!(matches!(
            decode_bytes(bytes, &batch.schema()),
            Err(MessageViolation::Malformed(_))
        ));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]
        #[test]
        fn damaged_messages_never_panic(
            changes in proptest::collection::vec((0_usize..4_000, any::<u8>()), 1..4),
            cut in 0_usize..4_000,
        ) {
            let batch = batch();
            let mut bytes = message(&batch);
            let length = bytes.len();
            for (at, byte) in changes {
                bytes[at % length] = byte;
            }
            let _ = decode_bytes(bytes.clone(), &batch.schema());
            bytes.truncate(cut % length);
            let _ = decode_bytes(bytes, &batch.schema());
        }
    }
}
