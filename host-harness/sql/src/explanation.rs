//! The answer of EXPLAIN with a row for each line of a plan: a plan in one cell fits no terminal.

use std::sync::Arc;

use datafusion::arrow::array::{Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::error::Result;

use crate::listing::line;

/// The columns of an explanation: which plan, and a line of it.
pub(crate) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("plan_type", DataType::Utf8, false), line("plan")]))
}

/// DataFusion's rows, cut into lines.
pub(crate) fn lines(batch: &RecordBatch) -> Result<RecordBatch> {
    let text = |column: usize| {
        batch.columns().get(column).and_then(|column| column.as_any().downcast_ref::<StringArray>())
    };
    let (mut types, mut plans) = (Vec::new(), Vec::new());
    if let (Some(plan_types), Some(texts)) = (text(0), text(1)) {
        for row in (0..batch.num_rows()).filter(|row| !texts.is_null(*row)) {
            for text in texts.value(row).lines() {
                types.push(plan_types.value(row));
                plans.push(text);
            }
        }
    }
    let columns = [types, plans].map(|values| Arc::new(StringArray::from(values)) as _);
    Ok(RecordBatch::try_new(schema(), columns.to_vec())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_of_a_plan_is_a_row() {
        let columns = [vec!["logical_plan"], vec!["Limit\n  Scan\n"]]
            .map(|values| Arc::new(StringArray::from(values)) as _);
        let cut = lines(&RecordBatch::try_new(schema(), columns.to_vec()).unwrap()).unwrap();
        let plan = cut.column(1).as_any().downcast_ref::<StringArray>().unwrap();
        assert_eq!(plan.iter().flatten().collect::<Vec<_>>(), ["Limit", "  Scan"]);
    }
}
