//! What a connector knows of a table, in DataFusion's words. A number is called exact only where the
//! connector says so, since DataFusion answers `COUNT(*)`, `MIN` and `MAX` from exact ones.

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::stats::Precision as EnginePrecision;
use datafusion::common::{ColumnStatistics as EngineColumn, ScalarValue, Statistics};
use datasource_runtime::{ColumnStatistics, Count, Literal, Precision, Split};

use crate::filters::bound;

/// The statistics of a whole table.
pub(crate) fn of_table(known: &datasource_runtime::Statistics, schema: &Schema) -> Statistics {
    let mut columns = vec![EngineColumn::new_unknown(); schema.fields().len()];
    for column in &known.columns {
        if let Some(slot) = columns.get_mut(column.column) {
            *slot = of_column(column, schema.field(column.column).data_type());
        }
    }
    Statistics {
        num_rows: rows(known.rows),
        // The object's bytes say little of the bytes of the rows that come out of it.
        total_byte_size: rows(known.bytes).to_inexact(),
        column_statistics: columns,
    }
}

/// The statistics of a planned scan. `reduced` says that a filter or a limit is in force, so that
/// nothing is exact any more.
pub(crate) fn of_scan(
    known: &datasource_runtime::Statistics,
    splits: &[Split],
    schema: &Schema,
    projection: Option<&[usize]>,
    reduced: bool,
) -> Statistics {
    let mut statistics = of_table(known, schema);
    if let Some(columns) = projection {
        let all = std::mem::take(&mut statistics.column_statistics);
        statistics.column_statistics =
            columns.iter().filter_map(|column| all.get(*column).cloned()).collect();
    }
    if statistics.num_rows == EnginePrecision::Absent {
        statistics.num_rows = of_splits(splits);
    }
    if reduced { statistics.to_inexact() } else { statistics }
}

/// The rows of all splits, where every split knows its own.
fn of_splits(splits: &[Split]) -> EnginePrecision<usize> {
    splits.iter().map(|split| rows(split.rows)).fold(EnginePrecision::Exact(0), |sum, rows| {
        match rows {
            EnginePrecision::Absent => EnginePrecision::Absent,
            rows => sum.add(&rows),
        }
    })
}

fn rows(count: Option<Count>) -> EnginePrecision<usize> {
    let Some(count) = count else { return EnginePrecision::Absent };
    match (usize::try_from(count.value), count.precision) {
        (Ok(value), Precision::Exact) => EnginePrecision::Exact(value),
        (Ok(value), Precision::Estimate) => EnginePrecision::Inexact(value),
        (Err(_), _) => EnginePrecision::Absent,
    }
}

fn of_column(known: &ColumnStatistics, data_type: &DataType) -> EngineColumn {
    EngineColumn {
        null_count: rows(known.nulls),
        distinct_count: rows(known.distinct),
        min_value: extreme(known.min.as_ref(), known.bounds, data_type),
        max_value: extreme(known.max.as_ref(), known.bounds, data_type),
        ..EngineColumn::new_unknown()
    }
}

fn extreme(
    literal: Option<&Literal>,
    precision: Precision,
    data_type: &DataType,
) -> EnginePrecision<ScalarValue> {
    match (literal.and_then(|literal| bound(literal, data_type)), precision) {
        (Some(value), Precision::Exact) => EnginePrecision::Exact(value),
        (Some(value), Precision::Estimate) => EnginePrecision::Inexact(value),
        (None, _) => EnginePrecision::Absent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::datatypes::Field;

    fn count(value: u64, precision: Precision) -> Option<Count> {
        Some(Count { value, precision })
    }

    fn table() -> (datasource_runtime::Statistics, Schema) {
        let schema = Schema::new(vec![
            Field::new("a", DataType::Utf8, true),
            Field::new("b", DataType::Int32, true),
        ]);
        let column = ColumnStatistics {
            column: 1,
            nulls: count(0, Precision::Exact),
            distinct: None,
            min: Some(Literal::Int64(1)),
            max: Some(Literal::Int64(9)),
            bounds: Precision::Exact,
        };
        let known = datasource_runtime::Statistics {
            rows: count(7, Precision::Exact),
            bytes: count(70, Precision::Exact),
            columns: vec![column],
        };
        (known, schema)
    }

    #[test]
    fn exact_numbers_stay_exact_in_a_full_scan() {
        let (known, schema) = table();
        let scan = of_scan(&known, &[], &schema, Some(&[1]), false);
        assert_eq!(scan.num_rows, EnginePrecision::Exact(7));
        assert_eq!(scan.column_statistics.len(), 1);
        assert_eq!(
            scan.column_statistics[0].min_value,
            EnginePrecision::Exact(ScalarValue::Int32(Some(1)))
        );
    }

    #[test]
    fn nothing_is_exact_under_a_filter_or_a_limit() {
        let (known, schema) = table();
        let scan = of_scan(&known, &[], &schema, None, true);
        assert_eq!(scan.num_rows, EnginePrecision::Inexact(7));
        assert_eq!(scan.column_statistics[1].null_count, EnginePrecision::Inexact(0));
    }

    #[test]
    fn rows_of_splits_add_up_where_each_is_known() {
        let split = |rows| Split { token: vec![], rows, bytes: None };
        let exact = |n| count(n, Precision::Exact);
        let sum = |splits: &[Split]| of_splits(splits);
        assert_eq!(sum(&[]), EnginePrecision::Exact(0));
        assert_eq!(sum(&[split(exact(2)), split(exact(3))]), EnginePrecision::Exact(5));
        assert_eq!(
            sum(&[split(exact(2)), split(count(3, Precision::Estimate))]),
            EnginePrecision::Inexact(5)
        );
        assert_eq!(sum(&[split(exact(2)), split(None)]), EnginePrecision::Absent);
        assert_eq!(sum(&[split(None), split(exact(2))]), EnginePrecision::Absent);
    }
}
