//! The checks for tables and scans: positions inside the schema, bounded tokens, and a plan whose
//! schema is the projection that was asked for.

use arrow_schema::SchemaRef;

use super::check::{Checked, Checker, TOKEN};
use super::scan::{
    ColumnFilterSupport, ColumnStatistics, Count, Literal, Operator, Precision, Scan, ScanMetrics,
    ScanPlan, Split, Statistics, Support,
};
use super::schema;
use crate::bindings::exports::platform::datasource::datasource as wit;
use crate::bindings::platform::datasource::types;
use crate::error::RuntimeError;

/// Splits of one plan.
const SPLITS: usize = 10_000;

impl Checker {
    pub(crate) fn table_name(self, name: String) -> Checked<String> {
        self.name("the table's name", name)
    }

    pub(crate) fn schema(self, bytes: &[u8]) -> Checked<SchemaRef> {
        schema::decode(bytes).or_else(|violation| self.broken(violation.to_string()))
    }

    pub(crate) fn statistics(
        self,
        statistics: wit::Statistics,
        columns: usize,
    ) -> Checked<Statistics> {
        Ok(Statistics {
            rows: statistics.rows.map(count),
            bytes: statistics.bytes.map(count),
            columns: self.list("column statistics", statistics.columns, columns, |column| {
                Ok(ColumnStatistics {
                    column: self.column(column.column, columns)?,
                    nulls: column.nulls.map(count),
                    distinct: column.distinct.map(count),
                    min: column.min.map(|bound| self.literal(bound)).transpose()?,
                    max: column.max.map(|bound| self.literal(bound)).transpose()?,
                    bounds: precision(column.bounds),
                })
            })?,
        })
    }

    pub(crate) fn filter_support(
        self,
        support: Vec<wit::ColumnFilterSupport>,
        columns: usize,
    ) -> Checked<Vec<ColumnFilterSupport>> {
        self.list("columns with filters", support, columns, |entry| {
            Ok(ColumnFilterSupport {
                column: self.column(entry.column, columns)?,
                operators: self.list("operators", entry.operators, 64, |(operator, support)| {
                    Ok((operator_from(operator), support_from(support)))
                })?,
            })
        })
    }

    pub(crate) fn plan(
        self,
        plan: wit::ScanPlan,
        table: &SchemaRef,
        projection: Option<&[usize]>,
    ) -> Checked<ScanPlan> {
        let schema = self.schema(&plan.schema)?;
        let wanted: Vec<_> = match projection {
            None => table.fields().iter().collect(),
            Some(columns) => columns.iter().map(|&column| &table.fields()[column]).collect(),
        };
        let same = schema.fields().len() == wanted.len()
            && schema.fields().iter().zip(&wanted).all(|(planned, wanted)| {
                planned.name() == wanted.name() && planned.data_type() == wanted.data_type()
            });
        if !same {
            return self.broken("the plan's schema is not the projection of the table's schema");
        }
        Ok(ScanPlan {
            schema,
            splits: self.list("splits", plan.splits, SPLITS, |split| {
                if split.token.len() > TOKEN {
                    return self.broken(format!("a split is longer than {TOKEN} bytes"));
                }
                Ok(Split {
                    token: split.token,
                    rows: split.rows.map(count),
                    bytes: split.bytes.map(count),
                })
            })?,
            notes: self.sentences("notes", plan.notes)?,
        })
    }

    pub(crate) fn metrics(self, metrics: wit::ScanMetrics) -> Checked<ScanMetrics> {
        Ok(ScanMetrics {
            requests: metrics.requests,
            bytes: metrics.bytes,
            retries: metrics.retries,
            throttled: metrics.throttled,
            rows: metrics.rows,
            nulled_cells: metrics.nulled_cells,
            warnings: self.sentences("warnings", metrics.warnings)?,
        })
    }

    fn column(self, column: u32, columns: usize) -> Checked<usize> {
        match usize::try_from(column) {
            Ok(column) if column < columns => Ok(column),
            _ => self.broken(format!("there is no column {column}")),
        }
    }

    fn literal(self, literal: types::Literal) -> Checked<Literal> {
        use types::Literal as Wit;
        Ok(match literal {
            Wit::Boolean(value) => Literal::Boolean(value),
            Wit::Int64(value) => Literal::Int64(value),
            Wit::Uint64(value) => Literal::UInt64(value),
            Wit::Float64(value) => Literal::Float64(value),
            Wit::Utf8(value) => Literal::Utf8(self.bounded("a bound", value, TOKEN)?),
            Wit::Binary(value) if value.len() > TOKEN => {
                return self.broken(format!("a bound is longer than {TOKEN} bytes"));
            }
            Wit::Binary(value) => Literal::Binary(value),
            Wit::Date32(value) => Literal::Date32(value),
            Wit::Time64Us(value) => Literal::Time64Us(value),
            Wit::TimestampUs(value) => Literal::TimestampUs(value),
            Wit::Decimal(value) => Literal::Decimal(self.bounded("a decimal", value, 128)?),
        })
    }
}

/// The scan, for the guest.
///
/// # Errors
/// [`RuntimeError::InvalidRequest`] for a column that the table does not have.
pub(crate) fn scan(scan: Scan, columns: usize) -> Result<wit::Scan, RuntimeError> {
    let position = |column: usize| match u32::try_from(column) {
        Ok(position) if column < columns => Ok(position),
        _ => Err(RuntimeError::InvalidRequest { reason: format!("there is no column {column}") }),
    };
    Ok(wit::Scan {
        projection: scan
            .projection
            .map(|columns| columns.into_iter().map(position).collect())
            .transpose()?,
        filters: scan
            .filters
            .into_iter()
            .map(|predicate| {
                Ok(wit::Predicate {
                    column: position(predicate.column)?,
                    operator: operator_to(predicate.operator),
                    values: predicate.values.into_iter().map(literal_to).collect(),
                })
            })
            .collect::<Result<_, RuntimeError>>()?,
        limit: scan.limit,
        wished_splits: scan.wished_splits.max(1),
    })
}

fn count(count: types::Count) -> Count {
    Count { value: count.value, precision: precision(count.precision) }
}

fn precision(precision: types::Precision) -> Precision {
    match precision {
        types::Precision::Exact => Precision::Exact,
        types::Precision::Estimate => Precision::Estimate,
    }
}

fn support_from(support: wit::Support) -> Support {
    match support {
        wit::Support::Exact => Support::Exact,
        wit::Support::Inexact => Support::Inexact,
        wit::Support::None => Support::None,
    }
}

fn literal_to(literal: Literal) -> types::Literal {
    use types::Literal as Wit;
    match literal {
        Literal::Boolean(value) => Wit::Boolean(value),
        Literal::Int64(value) => Wit::Int64(value),
        Literal::UInt64(value) => Wit::Uint64(value),
        Literal::Float64(value) => Wit::Float64(value),
        Literal::Utf8(value) => Wit::Utf8(value),
        Literal::Binary(value) => Wit::Binary(value),
        Literal::Date32(value) => Wit::Date32(value),
        Literal::Time64Us(value) => Wit::Time64Us(value),
        Literal::TimestampUs(value) => Wit::TimestampUs(value),
        Literal::Decimal(value) => Wit::Decimal(value),
    }
}

fn operator_from(operator: wit::Operator) -> Operator {
    use wit::Operator as Wit;
    match operator {
        Wit::Eq => Operator::Eq,
        Wit::NotEq => Operator::NotEq,
        Wit::Lt => Operator::Lt,
        Wit::LtEq => Operator::LtEq,
        Wit::Gt => Operator::Gt,
        Wit::GtEq => Operator::GtEq,
        Wit::Like => Operator::Like,
        Wit::NotLike => Operator::NotLike,
        Wit::Ilike => Operator::ILike,
        Wit::NotIlike => Operator::NotILike,
        Wit::InList => Operator::InList,
        Wit::NotInList => Operator::NotInList,
        Wit::IsNull => Operator::IsNull,
        Wit::IsNotNull => Operator::IsNotNull,
    }
}

fn operator_to(operator: Operator) -> wit::Operator {
    use wit::Operator as Wit;
    match operator {
        Operator::Eq => Wit::Eq,
        Operator::NotEq => Wit::NotEq,
        Operator::Lt => Wit::Lt,
        Operator::LtEq => Wit::LtEq,
        Operator::Gt => Wit::Gt,
        Operator::GtEq => Wit::GtEq,
        Operator::Like => Wit::Like,
        Operator::NotLike => Wit::NotLike,
        Operator::ILike => Wit::Ilike,
        Operator::NotILike => Wit::NotIlike,
        Operator::InList => Wit::InList,
        Operator::NotInList => Wit::NotInList,
        Operator::IsNull => Wit::IsNull,
        Operator::IsNotNull => Wit::IsNotNull,
    }
}
