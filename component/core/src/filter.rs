//! Predicates over text columns, evaluated as SQL does.

use serde::{Deserialize, Serialize};

use crate::contract::{Literal, Operator, Predicate};

/// A predicate over one text value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TextFilter {
    pub(crate) column: usize,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Test {
    Eq(String),
    NotEq(String),
    Lt(String),
    LtEq(String),
    Gt(String),
    GtEq(String),
    Like { pattern: String, negated: bool, fold_case: bool },
    In { values: Vec<String>, negated: bool },
    IsNull,
    IsNotNull,
}

/// The operators that [`TextFilter`] evaluates exactly.
pub(crate) const TEXT_OPERATORS: [Operator; 14] = [
    Operator::Eq,
    Operator::NotEq,
    Operator::Lt,
    Operator::LtEq,
    Operator::Gt,
    Operator::GtEq,
    Operator::Like,
    Operator::NotLike,
    Operator::Ilike,
    Operator::NotIlike,
    Operator::InList,
    Operator::NotInList,
    Operator::IsNull,
    Operator::IsNotNull,
];

impl TextFilter {
    /// From a predicate of the contract, if its values are texts.
    pub(crate) fn new(predicate: &Predicate) -> Option<Self> {
        let texts: Option<Vec<String>> = predicate
            .values
            .iter()
            .map(|value| if let Literal::Utf8(text) = value { Some(text.clone()) } else { None })
            .collect();
        let texts = texts?;
        let first = || texts.first().cloned();
        let like =
            |negated, fold_case| first().map(|pattern| Test::Like { pattern, negated, fold_case });
        let test = match predicate.operator {
            Operator::Eq => Test::Eq(first()?),
            Operator::NotEq => Test::NotEq(first()?),
            Operator::Lt => Test::Lt(first()?),
            Operator::LtEq => Test::LtEq(first()?),
            Operator::Gt => Test::Gt(first()?),
            Operator::GtEq => Test::GtEq(first()?),
            Operator::Like => like(false, false)?,
            Operator::NotLike => like(true, false)?,
            Operator::Ilike => like(false, true)?,
            Operator::NotIlike => like(true, true)?,
            Operator::InList => Test::In { values: texts, negated: false },
            Operator::NotInList => Test::In { values: texts, negated: true },
            Operator::IsNull => Test::IsNull,
            Operator::IsNotNull => Test::IsNotNull,
        };
        Some(Self { column: predicate.column as usize, test })
    }

    /// Whether a value that is never NULL passes.
    pub(crate) fn passes(&self, value: &str) -> bool {
        match &self.test {
            Test::Eq(other) => value == other,
            Test::NotEq(other) => value != other,
            Test::Lt(other) => value < other.as_str(),
            Test::LtEq(other) => value <= other.as_str(),
            Test::Gt(other) => value > other.as_str(),
            Test::GtEq(other) => value >= other.as_str(),
            Test::Like { pattern, negated, fold_case: false } => like(value, pattern) != *negated,
            Test::Like { pattern, negated, fold_case: true } => {
                like(&value.to_lowercase(), &pattern.to_lowercase()) != *negated
            }
            Test::In { values, negated } => values.iter().any(|v| v == value) != *negated,
            Test::IsNull => false,
            Test::IsNotNull => true,
        }
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
        assert_eq!(TextFilter::new(&predicate), None);
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
