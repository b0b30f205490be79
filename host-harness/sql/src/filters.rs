//! DataFusion's filter expressions as the contract's predicates, and the contract's literals as
//! DataFusion's values. What has no counterpart stays with DataFusion.

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{InList, Like};
use datafusion::logical_expr::{
    BinaryExpr, Expr, Operator as EngineOperator, TableProviderFilterPushDown,
};
use datasource_runtime::{ColumnFilterSupport, Literal, Operator, Predicate, Support};

/// More values than this in one IN list stay with DataFusion, so that a plan stays small.
const MAX_LIST: usize = 1_000;

/// The predicates that together mean the expression; `None` where the contract cannot say it.
pub(crate) fn predicates(expr: &Expr, schema: &Schema) -> Option<Vec<Predicate>> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: EngineOperator::And, right }) => {
            let mut all = predicates(left, schema)?;
            all.extend(predicates(right, schema)?);
            Some(all)
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let (column, operator, value) = match column(left, schema) {
                Some(column) => (column, comparison(*op)?, literal_of(right)?),
                None => (column(right, schema)?, comparison(op.swap()?)?, literal_of(left)?),
            };
            one(column, operator, vec![value])
        }
        Expr::Between(between) if !between.negated => {
            let column = column(&between.expr, schema)?;
            let (low, high) = (literal_of(&between.low)?, literal_of(&between.high)?);
            Some(vec![
                Predicate { column, operator: Operator::GtEq, values: vec![low] },
                Predicate { column, operator: Operator::LtEq, values: vec![high] },
            ])
        }
        Expr::Like(like) => pattern(like, schema),
        Expr::InList(list) => list_of(list, schema),
        Expr::IsNull(inner) => one(column(inner, schema)?, Operator::IsNull, Vec::new()),
        Expr::IsNotNull(inner) => one(column(inner, schema)?, Operator::IsNotNull, Vec::new()),
        Expr::Column(_) => truth(expr, schema, true),
        Expr::Not(inner) => truth(inner, schema, false),
        _ => None,
    }
}

/// How far the table takes the expression over.
pub(crate) fn support(
    expr: &Expr,
    schema: &Schema,
    offered: &[ColumnFilterSupport],
) -> TableProviderFilterPushDown {
    let Some(predicates) = predicates(expr, schema) else {
        return TableProviderFilterPushDown::Unsupported;
    };
    let each: Vec<Support> = predicates.iter().map(|p| offered_for(p, offered)).collect();
    if each.contains(&Support::None) {
        TableProviderFilterPushDown::Unsupported
    } else if each.contains(&Support::Inexact) {
        TableProviderFilterPushDown::Inexact
    } else {
        TableProviderFilterPushDown::Exact
    }
}

/// The support for one predicate; what is not listed has none.
pub(crate) fn offered_for(predicate: &Predicate, offered: &[ColumnFilterSupport]) -> Support {
    offered
        .iter()
        .filter(|support| support.column == predicate.column)
        .flat_map(|support| &support.operators)
        .find(|(operator, _)| *operator == predicate.operator)
        .map_or(Support::None, |(_, support)| *support)
}

fn one(column: usize, operator: Operator, values: Vec<Literal>) -> Option<Vec<Predicate>> {
    Some(vec![Predicate { column, operator, values }])
}

fn column(expr: &Expr, schema: &Schema) -> Option<usize> {
    schema.index_of(&expr.try_as_col()?.name).ok()
}

fn comparison(operator: EngineOperator) -> Option<Operator> {
    Some(match operator {
        EngineOperator::Eq => Operator::Eq,
        EngineOperator::NotEq => Operator::NotEq,
        EngineOperator::Lt => Operator::Lt,
        EngineOperator::LtEq => Operator::LtEq,
        EngineOperator::Gt => Operator::Gt,
        EngineOperator::GtEq => Operator::GtEq,
        _ => return None,
    })
}

/// A boolean column on its own, or negated. NULL fails both, as the contract says.
fn truth(expr: &Expr, schema: &Schema, value: bool) -> Option<Vec<Predicate>> {
    let column = column(expr, schema)?;
    let boolean = schema.field(column).data_type() == &DataType::Boolean;
    boolean.then(|| {
        vec![Predicate { column, operator: Operator::Eq, values: vec![Literal::Boolean(value)] }]
    })
}

fn pattern(like: &Like, schema: &Schema) -> Option<Vec<Predicate>> {
    if !matches!(like.escape_char, None | Some('\\')) {
        return None;
    }
    let value = literal_of(&like.pattern).filter(|value| matches!(value, Literal::Utf8(_)))?;
    let operator = match (like.case_insensitive, like.negated) {
        (false, false) => Operator::Like,
        (false, true) => Operator::NotLike,
        (true, false) => Operator::ILike,
        (true, true) => Operator::NotILike,
    };
    one(column(&like.expr, schema)?, operator, vec![value])
}

fn list_of(list: &InList, schema: &Schema) -> Option<Vec<Predicate>> {
    if list.list.is_empty() || list.list.len() > MAX_LIST {
        return None;
    }
    // A NULL in the list makes the answer NULL where nothing matches: DataFusion knows how.
    let values = list.list.iter().map(literal_of).collect::<Option<Vec<_>>>()?;
    let operator = if list.negated { Operator::NotInList } else { Operator::InList };
    one(column(&list.expr, schema)?, operator, values)
}

fn literal_of(expr: &Expr) -> Option<Literal> {
    match expr {
        Expr::Literal(value, _) => literal(value),
        _ => None,
    }
}

/// The contract's literal of a value that is not NULL.
fn literal(value: &ScalarValue) -> Option<Literal> {
    Some(match value {
        ScalarValue::Boolean(Some(v)) => Literal::Boolean(*v),
        ScalarValue::Int8(Some(v)) => Literal::Int64((*v).into()),
        ScalarValue::Int16(Some(v)) => Literal::Int64((*v).into()),
        ScalarValue::Int32(Some(v)) => Literal::Int64((*v).into()),
        ScalarValue::Int64(Some(v)) => Literal::Int64(*v),
        ScalarValue::UInt8(Some(v)) => Literal::UInt64((*v).into()),
        ScalarValue::UInt16(Some(v)) => Literal::UInt64((*v).into()),
        ScalarValue::UInt32(Some(v)) => Literal::UInt64((*v).into()),
        ScalarValue::UInt64(Some(v)) => Literal::UInt64(*v),
        // NaN compares differently from engine to engine.
        ScalarValue::Float32(Some(v)) if !v.is_nan() => Literal::Float64((*v).into()),
        ScalarValue::Float64(Some(v)) if !v.is_nan() => Literal::Float64(*v),
        ScalarValue::Utf8(Some(v))
        | ScalarValue::Utf8View(Some(v))
        | ScalarValue::LargeUtf8(Some(v)) => Literal::Utf8(v.clone()),
        ScalarValue::Binary(Some(v))
        | ScalarValue::BinaryView(Some(v))
        | ScalarValue::LargeBinary(Some(v)) => Literal::Binary(v.clone()),
        ScalarValue::Date32(Some(v)) => Literal::Date32(*v),
        ScalarValue::Time64Microsecond(Some(v)) => Literal::Time64Us(*v),
        ScalarValue::TimestampSecond(Some(v), _) => Literal::TimestampUs(v.checked_mul(1_000_000)?),
        ScalarValue::TimestampMillisecond(Some(v), _) => {
            Literal::TimestampUs(v.checked_mul(1_000)?)
        }
        ScalarValue::TimestampMicrosecond(Some(v), _) => Literal::TimestampUs(*v),
        // Below a microsecond the contract has no word for it.
        ScalarValue::TimestampNanosecond(Some(v), _) if v % 1_000 == 0 => {
            Literal::TimestampUs(v / 1_000)
        }
        ScalarValue::Decimal128(Some(v), _, scale) => Literal::Decimal(decimal(*v, *scale)?),
        ScalarValue::Dictionary(_, inner) => return literal(inner),
        _ => return None,
    })
}

/// Plain notation of a decimal, such as `-12.50`.
fn decimal(unscaled: i128, scale: i8) -> Option<String> {
    let scale = usize::try_from(scale).ok()?;
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let sign = if unscaled < 0 { "-" } else { "" };
    Some(if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
}

/// A bound of a column's statistics as a value of the column's type, where it fits.
pub(crate) fn bound(literal: &Literal, data_type: &DataType) -> Option<ScalarValue> {
    let value = match literal {
        Literal::Boolean(v) => ScalarValue::Boolean(Some(*v)),
        Literal::Int64(v) => ScalarValue::Int64(Some(*v)),
        Literal::UInt64(v) => ScalarValue::UInt64(Some(*v)),
        Literal::Float64(v) => ScalarValue::Float64(Some(*v)),
        Literal::Utf8(v) | Literal::Decimal(v) => ScalarValue::Utf8(Some(v.clone())),
        Literal::Binary(v) => ScalarValue::Binary(Some(v.clone())),
        Literal::Date32(v) => ScalarValue::Date32(Some(*v)),
        Literal::Time64Us(v) => ScalarValue::Time64Microsecond(Some(*v)),
        Literal::TimestampUs(v) => {
            // The contract's time is UTC; without a zone it would be read as local time.
            let zone = match data_type {
                DataType::Timestamp(_, zone) => zone.clone(),
                _ => None,
            };
            ScalarValue::TimestampMicrosecond(Some(*v), zone)
        }
    };
    value.cast_to(data_type).ok().filter(|value| !value.is_null())
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::datatypes::Field;
    use datafusion::logical_expr::{col, lit};

    fn schema() -> Schema {
        Schema::new(vec![
            Field::new("name", DataType::Utf8, true),
            Field::new("size", DataType::Int64, true),
            Field::new("folder", DataType::Boolean, true),
        ])
    }

    fn pushed(expr: Expr) -> Option<Vec<(usize, Operator, Vec<Literal>)>> {
        let found = predicates(&expr, &schema())?;
        Some(found.into_iter().map(|p| (p.column, p.operator, p.values)).collect())
    }

    #[test]
    fn comparisons_are_taken_both_ways_round() {
        let expected = vec![(1, Operator::Gt, vec![Literal::Int64(5)])];
        assert_eq!(pushed(col("size").gt(lit(5_i64))), Some(expected.clone()));
        assert_eq!(pushed(lit(5_i64).lt(col("size"))), Some(expected));
    }

    #[test]
    fn between_is_two_comparisons() {
        assert_eq!(
            pushed(col("size").between(lit(1_i64), lit(2_i64))),
            Some(vec![
                (1, Operator::GtEq, vec![Literal::Int64(1)]),
                (1, Operator::LtEq, vec![Literal::Int64(2)]),
            ])
        );
    }

    #[test]
    fn patterns_lists_and_nulls_are_taken() {
        let text = |value: &str| Literal::Utf8(value.into());
        assert_eq!(
            pushed(col("name").like(lit("%.csv"))),
            Some(vec![(0, Operator::Like, vec![text("%.csv")])])
        );
        assert_eq!(
            pushed(col("name").not_ilike(lit("a_"))),
            Some(vec![(0, Operator::NotILike, vec![text("a_")])])
        );
        assert_eq!(
            pushed(col("name").in_list(vec![lit("a"), lit("b")], false)),
            Some(vec![(0, Operator::InList, vec![text("a"), text("b")])])
        );
        assert_eq!(pushed(col("name").is_null()), Some(vec![(0, Operator::IsNull, vec![])]));
        assert_eq!(
            pushed(col("folder")),
            Some(vec![(2, Operator::Eq, vec![Literal::Boolean(true)])])
        );
        assert_eq!(
            pushed(!col("folder")),
            Some(vec![(2, Operator::Eq, vec![Literal::Boolean(false)])])
        );
    }

    #[test]
    fn what_the_contract_cannot_say_stays_with_datafusion() {
        for expr in [
            col("size").eq(col("name")),
            col("size").eq(lit(ScalarValue::Int64(None))),
            col("name").in_list(vec![lit("a"), lit(ScalarValue::Utf8(None))], true),
            col("size").eq(lit(1_i64)).or(col("name").eq(lit("a"))),
            (col("size") + lit(1_i64)).eq(lit(2_i64)),
            col("size").lt(lit(f64::NAN)),
        ] {
            assert_eq!(pushed(expr.clone()), None, "{expr}");
        }
    }

    #[test]
    fn the_weakest_support_of_a_conjunction_counts() {
        let offered = [
            ColumnFilterSupport {
                column: 0,
                operators: vec![(Operator::Eq, Support::Exact), (Operator::Like, Support::Inexact)],
            },
            ColumnFilterSupport { column: 1, operators: vec![(Operator::Gt, Support::Exact)] },
        ];
        let ask = |expr: Expr| support(&expr, &schema(), &offered);
        let (eq, like) = (col("name").eq(lit("a")), col("name").like(lit("a%")));
        assert_eq!(ask(eq.clone()), TableProviderFilterPushDown::Exact);
        assert_eq!(ask(like.clone()), TableProviderFilterPushDown::Inexact);
        assert_eq!(ask(eq.clone().and(like)), TableProviderFilterPushDown::Inexact);
        assert_eq!(ask(eq.and(col("folder"))), TableProviderFilterPushDown::Unsupported);
    }

    #[test]
    fn decimals_are_written_in_plain_notation() {
        for (unscaled, scale, text) in
            [(-1250, 2, "-12.50"), (5, 3, "0.005"), (0, 0, "0"), (-7, 0, "-7")]
        {
            assert_eq!(decimal(unscaled, scale).as_deref(), Some(text));
        }
        assert_eq!(decimal(1, -2), None);
    }

    #[test]
    fn a_bound_takes_the_type_of_its_column_or_is_dropped() {
        let decimal = DataType::Decimal128(10, 2);
        assert_eq!(
            bound(&Literal::Decimal("-12.50".into()), &decimal),
            Some(ScalarValue::Decimal128(Some(-1250), 10, 2))
        );
        assert_eq!(bound(&Literal::Int64(300), &DataType::Int8), None);
        assert_eq!(bound(&Literal::Utf8("x".into()), &DataType::Int64), None);
    }
}
