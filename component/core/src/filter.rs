//! Predicates over the columns of listings, evaluated as SQL does: what is NULL passes no test but
//! `IS NULL`.

use serde::{Deserialize, Serialize};

use crate::contract::{Literal, Operator, Predicate};

/// A value of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    Text(&'a str),
    /// A number, a truth value (0 or 1), or a time in microseconds since 1970.
    Number(i64),
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    Text,
    Number,
}

/// A predicate over one column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Filter {
    pub(crate) column: usize,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Test {
    Text(Compare<String>),
    Number(Compare<i64>),
    Like { pattern: String, negated: bool, fold_case: bool },
    IsNull,
    IsNotNull,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Compare<T> {
    Eq(T),
    NotEq(T),
    Lt(T),
    LtEq(T),
    Gt(T),
    GtEq(T),
    In { values: Vec<T>, negated: bool },
}

impl<T: PartialOrd> Compare<T> {
    fn new(operator: Operator, values: Vec<T>) -> Option<Self> {
        if let Operator::InList | Operator::NotInList = operator {
            return Some(Self::In { values, negated: operator == Operator::NotInList });
        }
        let value = values.into_iter().next()?;
        Some(match operator {
            Operator::Eq => Self::Eq(value),
            Operator::NotEq => Self::NotEq(value),
            Operator::Lt => Self::Lt(value),
            Operator::LtEq => Self::LtEq(value),
            Operator::Gt => Self::Gt(value),
            Operator::GtEq => Self::GtEq(value),
            _ => return None,
        })
    }

    fn passes<V: ?Sized + PartialOrd>(&self, value: &V) -> bool
    where
        T: std::borrow::Borrow<V>,
    {
        match self {
            Self::Eq(other) => value == other.borrow(),
            Self::NotEq(other) => value != other.borrow(),
            Self::Lt(other) => value < other.borrow(),
            Self::LtEq(other) => value <= other.borrow(),
            Self::Gt(other) => value > other.borrow(),
            Self::GtEq(other) => value >= other.borrow(),
            Self::In { values, negated } => {
                values.iter().any(|other| value == other.borrow()) != *negated
            }
        }
    }
}

const COMPARISONS: [Operator; 10] = [
    Operator::Eq,
    Operator::NotEq,
    Operator::Lt,
    Operator::LtEq,
    Operator::Gt,
    Operator::GtEq,
    Operator::InList,
    Operator::NotInList,
    Operator::IsNull,
    Operator::IsNotNull,
];
const LIKES: [Operator; 4] =
    [Operator::Like, Operator::NotLike, Operator::Ilike, Operator::NotIlike];

impl Holds {
    /// The operators that [`Filter`] evaluates exactly.
    pub(crate) fn operators(self) -> impl Iterator<Item = Operator> {
        let likes = if self == Self::Text { &LIKES[..] } else { &[] };
        COMPARISONS.iter().chain(likes).copied()
    }
}

impl Filter {
    /// From a predicate of the contract, if its values are of the column's kind.
    pub(crate) fn new(predicate: &Predicate, holds: Holds) -> Option<Self> {
        let test = match (predicate.operator, holds) {
            (Operator::IsNull, _) => Test::IsNull,
            (Operator::IsNotNull, _) => Test::IsNotNull,
            (operator, Holds::Text) => text_test(operator, predicate)?,
            (operator, Holds::Number) => {
                let numbers = predicate.values.iter().map(number).collect::<Option<Vec<_>>>()?;
                Test::Number(Compare::new(operator, numbers)?)
            }
        };
        Some(Self { column: predicate.column as usize, test })
    }

    pub(crate) fn passes(&self, value: Value<'_>) -> bool {
        match (&self.test, value) {
            (Test::IsNull, value) => value == Value::Null,
            (Test::IsNotNull, value) => value != Value::Null,
            (Test::Text(compare), Value::Text(value)) => compare.passes(value),
            (Test::Number(compare), Value::Number(value)) => compare.passes(&value),
            (Test::Like { pattern, negated, fold_case: false }, Value::Text(value)) => {
                like(value, pattern) != *negated
            }
            (Test::Like { pattern, negated, fold_case: true }, Value::Text(value)) => {
                like(&value.to_lowercase(), &pattern.to_lowercase()) != *negated
            }
            _ => false,
        }
    }
}

fn text_test(operator: Operator, predicate: &Predicate) -> Option<Test> {
    let text = |value: &Literal| match value {
        Literal::Utf8(text) => Some(text.clone()),
        _ => None,
    };
    let texts = predicate.values.iter().map(text).collect::<Option<Vec<_>>>()?;
    let (negated, fold_case) = match operator {
        Operator::Like => (false, false),
        Operator::NotLike => (true, false),
        Operator::Ilike => (false, true),
        Operator::NotIlike => (true, true),
        _ => return Compare::new(operator, texts).map(Test::Text),
    };
    Some(Test::Like { pattern: texts.into_iter().next()?, negated, fold_case })
}

fn number(value: &Literal) -> Option<i64> {
    match value {
        Literal::Int64(number) | Literal::TimestampUs(number) => Some(*number),
        Literal::Uint64(number) => i64::try_from(*number).ok(),
        Literal::Boolean(truth) => Some(i64::from(*truth)),
        _ => None,
    }
}

/// SQL LIKE: `%` any characters, `_` one, `\` takes the next literally.
fn like(value: &str, pattern: &str) -> bool {
    let pattern = compile(pattern);
    let value: Vec<char> = value.chars().collect();
    let (mut v, mut p) = (0, 0);
    // Where to go on after a mismatch: the last `%`, one more character in it.
    let mut resume: Option<(usize, usize)> = None;
    while v < value.len() {
        match pattern.get(p) {
            Some(Part::Any) => {
                resume = Some((p, v));
                p += 1;
            }
            Some(Part::One) => (v, p) = (v + 1, p + 1),
            Some(Part::Char(c)) if *c == value[v] => (v, p) = (v + 1, p + 1),
            _ => match resume {
                Some((any, from)) => {
                    resume = Some((any, from + 1));
                    (v, p) = (from + 1, any + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|part| matches!(part, Part::Any))
}

enum Part {
    Any,
    One,
    Char(char),
}

fn compile(pattern: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        parts.push(match c {
            '%' => Part::Any,
            '_' => Part::One,
            '\\' => Part::Char(chars.next().unwrap_or('\\')),
            c => Part::Char(c),
        });
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn like_matches_as_in_sql() {
        for (value, pattern, matches) in [
            ("a/b.csv", "%.csv", true),
            ("a/b.csv.txt", "%.csv", false),
            ("abc", "a_c", true),
            ("abbc", "a_c", false),
            ("100%", "100\\%", true),
            ("1000", "100\\%", false),
            ("", "%", true),
            ("", "_", false),
            ("aXbXc", "a%X%c", true),
            ("日本", "_本", true),
        ] {
            assert_eq!(like(value, pattern), matches, "{value} LIKE {pattern}");
        }
    }

    #[test]
    fn a_value_of_another_type_is_not_taken_over() {
        let predicate =
            Predicate { column: 0, operator: Operator::Eq, values: vec![Literal::Int64(1)] };
        assert_eq!(Filter::new(&predicate, Holds::Text), None);
    }

    #[test]
    fn what_is_null_passes_nothing_but_is_null() {
        let test = |operator, values: &[i64]| {
            let values = values.iter().map(|value| Literal::Int64(*value)).collect();
            Filter::new(&Predicate { column: 0, operator, values }, Holds::Number).unwrap()
        };
        for operator in Holds::Number.operators().filter(|o| *o != Operator::IsNull) {
            assert!(!test(operator, &[1]).passes(Value::Null), "{operator:?}");
        }
        assert!(test(Operator::IsNull, &[]).passes(Value::Null));
        assert!(!test(Operator::IsNull, &[]).passes(Value::Number(1)));
    }

    #[test]
    fn numbers_compare_as_numbers() {
        let passes = |operator, value: i64, number: i64| {
            let predicate = Predicate { column: 0, operator, values: vec![Literal::Int64(value)] };
            Filter::new(&predicate, Holds::Number).unwrap().passes(Value::Number(number))
        };
        assert!(passes(Operator::Gt, 9, 10));
        assert!(!passes(Operator::Gt, 10, 9));
        assert!(passes(Operator::InList, 3, 3));
        assert!(!passes(Operator::NotInList, 3, 3));
    }

    proptest! {
        #[test]
        fn a_text_is_like_itself_between_percents(text in "[a-z]{0,20}", more in "[a-z]{0,20}") {
            let (around, other) = (format!("{more}{text}{more}"), format!("%{text}%"));
            prop_assert!(like(&around, &other));
        }

        #[test]
        fn no_pattern_makes_it_panic_or_hang(value in "[a%_]{0,60}", pattern in "[a%_\\\\]{0,30}") {
            let _ = like(&value, &pattern);
        }
    }
}
