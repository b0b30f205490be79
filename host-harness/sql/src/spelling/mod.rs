//! Columns written in another case than the file's header. An unquoted name means the column that is
//! spelt just so, else the one column that differs from it only in case; if two do, it is an error
//! that names both. Quoted names stay as written. What comes out of a query keeps the header's
//! spelling.

mod outputs;
mod pick;
mod scope;

use std::ops::ControlFlow;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::sql::sqlparser::ast::{
    ExcludeSelectItem, Expr, Ident, ObjectName, ObjectNamePart, Query, Select, SelectItem, SetExpr,
    Statement, VisitMut, VisitorMut, WildcardAdditionalOptions,
};

use crate::error::SqlError;
use crate::naming::using_columns_mut;

use outputs::Ctes;
use pick::{Pick, pick};
use scope::{Relation, Scope, aliases};

/// Finds the schema of a relation by its name's parts; `None` for what is not a table.
pub(crate) type SchemaOf<'a> = dyn Fn(&[String]) -> Option<SchemaRef> + 'a;

/// Corrects the spelling of column names and of the qualifiers before them.
pub(crate) fn correct(statement: &mut Statement, schema_of: &SchemaOf<'_>) -> Result<(), SqlError> {
    let mut names = Names { schema_of, scopes: Vec::new(), ctes: Ctes::default() };
    match statement.visit(&mut names) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(*error),
    }
}

/// The parts of a relation's name.
pub(crate) fn parts_of(name: &ObjectName) -> Vec<String> {
    name.0.iter().filter_map(|part| part.as_ident()).map(|ident| ident.value.clone()).collect()
}

type Visited = ControlFlow<Box<SqlError>>;

struct Names<'a> {
    schema_of: &'a SchemaOf<'a>,
    /// What is in scope, the innermost query last.
    scopes: Vec<Scope>,
    ctes: Ctes,
}

impl Names<'_> {
    /// Corrects a column without a qualifier.
    fn column(&self, ident: &mut Ident) -> Visited {
        for scope in self.scopes.iter().rev() {
            match scope.column(ident) {
                Pick::AsWritten => return ControlFlow::Continue(()),
                // It may be spelt just so where the columns are not known.
                _ if scope.relations.iter().any(|relation| relation.columns.is_none()) => {
                    return ControlFlow::Continue(());
                }
                Pick::Other(name) => {
                    ident.value = name;
                    return ControlFlow::Continue(());
                }
                Pick::Several(names) => return several(&ident.value, &names),
                Pick::None => {}
            }
        }
        ControlFlow::Continue(())
    }

    /// Corrects `qualifier.column`; what stands before the qualifier is left as it is.
    fn qualified(&self, qualifier: &mut Ident, column: &mut Ident) -> Visited {
        let mut scopes = self.scopes.iter().rev();
        let found = scopes.find_map(|scope| Some((scope, scope.relation(qualifier)?)));
        let Some((scope, relation)) = found else { return ControlFlow::Continue(()) };
        qualifier.value.clone_from(&relation.qualifier);
        // Files of two databases may have the same name.
        let same = scope.relations.iter().filter(|other| other.qualifier == relation.qualifier);
        corrected(column, same.flat_map(Relation::names))
    }

    /// Corrects the columns of `* EXCEPT (…)`, `* EXCLUDE (…)` and `* REPLACE (…)`.
    fn wildcard(options: &mut WildcardAdditionalOptions, relations: &[Relation]) -> Visited {
        let names = || relations.iter().flat_map(Relation::names);
        if let Some(except) = &mut options.opt_except {
            corrected(&mut except.first_element, names())?;
            for ident in &mut except.additional_elements {
                corrected(ident, names())?;
            }
        }
        let excluded = match &mut options.opt_exclude {
            Some(ExcludeSelectItem::Single(name)) => std::slice::from_mut(name),
            Some(ExcludeSelectItem::Multiple(several)) => several.as_mut_slice(),
            None => &mut [],
        };
        for name in excluded {
            corrected_name(name, names())?;
        }
        for replaced in options.opt_replace.iter_mut().flat_map(|replace| &mut replace.items) {
            corrected(&mut replaced.column_name, names())?;
        }
        ControlFlow::Continue(())
    }
}

impl VisitorMut for Names<'_> {
    type Break = Box<SqlError>;

    // A query's own scope is that of its SELECT, for the ORDER BY that stands outside it.
    fn pre_visit_query(&mut self, query: &mut Query) -> Visited {
        self.ctes.enter(query, self.schema_of);
        let (relations, aliases) = match query.body.as_ref() {
            SetExpr::Select(select) => {
                (self.ctes.relations(&select.from, self.schema_of), aliases(select))
            }
            _ => (Vec::new(), Vec::new()),
        };
        self.scopes.push(Scope::of_order_by(relations, aliases, query.order_by.as_ref()));
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> Visited {
        self.scopes.pop();
        self.ctes.leave();
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> Visited {
        let relations = self.ctes.relations(&select.from, self.schema_of);
        for item in &mut select.projection {
            if let SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options) = item
            {
                Self::wildcard(options, &relations)?;
            }
        }
        for join in select.from.iter_mut().flat_map(|table| &mut table.joins) {
            for name in using_columns_mut(&mut join.join_operator).into_iter().flatten() {
                corrected_name(name, relations.iter().flat_map(Relation::names))?;
            }
        }
        self.scopes.push(Scope::of_select(relations, select));
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, _select: &mut Select) -> Visited {
        self.scopes.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> Visited {
        match expr {
            Expr::Identifier(ident) if ident.quote_style.is_none() => self.column(ident),
            Expr::CompoundIdentifier(parts) => match parts.as_mut_slice() {
                [.., qualifier, column] => self.qualified(qualifier, column),
                _ => ControlFlow::Continue(()),
            },
            _ => ControlFlow::Continue(()),
        }
    }
}

/// Gives an unquoted name the spelling of the candidate that it means.
fn corrected<'a>(ident: &mut Ident, candidates: impl Iterator<Item = &'a str>) -> Visited {
    if ident.quote_style.is_some() {
        return ControlFlow::Continue(());
    }
    match pick(&ident.value, candidates) {
        Pick::Other(name) => ident.value = name,
        Pick::Several(names) => return several(&ident.value, &names),
        Pick::AsWritten | Pick::None => {}
    }
    ControlFlow::Continue(())
}

fn corrected_name<'a>(name: &mut ObjectName, candidates: impl Iterator<Item = &'a str>) -> Visited {
    match name.0.last_mut() {
        Some(ObjectNamePart::Identifier(ident)) => corrected(ident, candidates),
        _ => ControlFlow::Continue(()),
    }
}

/// The error for a name that fits several columns and none exactly.
fn several(written: &str, names: &[String]) -> Visited {
    let quoted = |quote: char| -> Vec<String> {
        names.iter().map(|name| format!("{quote}{name}{quote}")).collect()
    };
    ControlFlow::Break(Box::new(SqlError::Query {
        message: format!(
            "`{written}` may be {}, which differ only in case",
            quoted('`').join(" or ")
        ),
        hint: Some(format!("Write it as in the file: {}.", quoted('"').join(" or "))),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use datafusion::arrow::datatypes::{DataType, Field, Schema};
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    /// `d.a` has `Name` and `size`, `d.b` has `name` and `Cost Total`, `d.c` has `x` and `X`,
    /// `d.e` has `Name` and `City`.
    fn schema_of(parts: &[String]) -> Option<SchemaRef> {
        let columns = match parts.last()?.as_str() {
            "a" => ["Name", "size"],
            "b" => ["name", "Cost Total"],
            "c" => ["Xx", "xX"],
            "e" => ["Name", "City"],
            _ => return None,
        };
        let fields: Vec<_> =
            columns.iter().map(|name| Field::new(*name, DataType::Utf8, true)).collect();
        Some(Arc::new(Schema::new(fields)))
    }

    fn correction(sql: &str) -> Result<String, SqlError> {
        let mut statement = Parser::parse_sql(&GenericDialect {}, sql).unwrap().remove(0);
        correct(&mut statement, &schema_of)?;
        Ok(statement.to_string())
    }

    #[track_caller]
    fn all_correct(cases: &[(&str, &str)]) {
        for (written, expected) in cases {
            assert_eq!(correction(written).unwrap(), *expected);
        }
    }

    #[test]
    fn an_unquoted_column_takes_the_spelling_of_the_header() {
        all_correct(&[
            ("SELECT name, SIZE FROM d.a", "SELECT Name, size FROM d.a"),
            (
                "SELECT max(NAME) FROM d.a WHERE Size > 1",
                "SELECT max(Name) FROM d.a WHERE size > 1",
            ),
            ("SELECT * FROM d.a ORDER BY NAME", "SELECT * FROM d.a ORDER BY Name"),
            ("SELECT t.name FROM d.a t", "SELECT t.Name FROM d.a t"),
            ("SELECT T.name FROM d.a t", "SELECT t.Name FROM d.a t"),
            (
                "SELECT a.name FROM d.a JOIN d.b ON a.NAME = b.NAME",
                "SELECT a.Name FROM d.a JOIN d.b ON a.Name = b.name",
            ),
            ("SELECT `Cost Total` FROM d.b", "SELECT `Cost Total` FROM d.b"),
            (
                "SELECT 1 FROM d.a WHERE EXISTS (SELECT 1 FROM d.b WHERE SIZE = name)",
                "SELECT 1 FROM d.a WHERE EXISTS (SELECT 1 FROM d.b WHERE size = name)",
            ),
        ]);
    }

    #[test]
    fn what_is_quoted_exact_or_unknown_stays() {
        for sql in [
            "SELECT \"name\" FROM d.a",
            "SELECT Name FROM d.a",
            "SELECT upper(Name) AS name FROM d.a ORDER BY name",
            "SELECT Xx, xX FROM d.c",
            "SELECT \"xx\" FROM d.c",
            "SELECT nothing FROM d.a",
            "SELECT name FROM (SELECT size AS name FROM d.a) AS s",
        ] {
            assert_eq!(correction(sql).unwrap(), sql);
        }
    }

    #[test]
    fn a_name_is_left_as_written_where_a_relation_may_have_any_column() {
        let sql = "SELECT name FROM d.a, generate_series(1, 3)";
        assert_eq!(correction(sql).unwrap(), sql);
        let sql = "SELECT 1 FROM d.a WHERE EXISTS (SELECT name FROM UNNEST(x))";
        assert_eq!(correction(sql).unwrap(), sql);
    }

    #[test]
    fn of_two_tables_of_one_name_the_exact_spelling_wins() {
        let sql = "SELECT d.a.Size FROM e.a JOIN d.a ON true";
        let mut statement = Parser::parse_sql(&GenericDialect {}, sql).unwrap().remove(0);
        let schema_of = |parts: &[String]| -> Option<SchemaRef> {
            let column = if parts.first()? == "d" { "Size" } else { "size" };
            Some(Arc::new(Schema::new(vec![Field::new(column, DataType::Utf8, true)])))
        };
        correct(&mut statement, &schema_of).unwrap();
        assert_eq!(statement.to_string(), sql);
    }

    #[test]
    fn stars_of_stars_of_stars_end() {
        let mut sql = "WITH t0 AS (SELECT 1 AS a)".to_owned();
        for next in 1..60 {
            sql += &format!(", t{next} AS (SELECT * FROM t{0} x, t{0} y)", next - 1);
        }
        sql += " SELECT a FROM t59";
        assert_eq!(correction(&sql).unwrap(), sql);
    }

    #[test]
    fn an_alias_is_found_in_any_case_and_does_not_hide_the_column_it_is_made_of() {
        all_correct(&[
            (
                "SELECT size AS Bytes FROM d.a ORDER BY bytes",
                "SELECT size AS Bytes FROM d.a ORDER BY Bytes",
            ),
            (
                "SELECT upper(name) AS name FROM d.a WHERE name <> 'x' ORDER BY name",
                "SELECT upper(Name) AS name FROM d.a WHERE Name <> 'x' ORDER BY name",
            ),
            (
                "SELECT size AS Bytes, count(*) FROM d.a GROUP BY BYTES HAVING bytes > 1",
                "SELECT size AS Bytes, count(*) FROM d.a GROUP BY Bytes HAVING Bytes > 1",
            ),
        ]);
    }

    #[test]
    fn columns_of_subqueries_and_ctes_are_found_in_any_case() {
        all_correct(&[
            (
                "SELECT name FROM (SELECT * FROM d.a) AS s",
                "SELECT Name FROM (SELECT * FROM d.a) AS s",
            ),
            (
                "SELECT S.SIZE FROM (SELECT name, size FROM d.a) AS s WHERE name = 'x'",
                "SELECT s.size FROM (SELECT Name, size FROM d.a) AS s WHERE Name = 'x'",
            ),
            (
                "WITH t AS (SELECT a.*, 1 AS One FROM d.a), u AS (SELECT * FROM t) SELECT name, one FROM u",
                "WITH t AS (SELECT a.*, 1 AS One FROM d.a), u AS (SELECT * FROM t) SELECT Name, One FROM u",
            ),
            (
                "WITH t (Id) AS (SELECT * FROM d.a) SELECT ID, SIZE FROM t",
                "WITH t (Id) AS (SELECT * FROM d.a) SELECT Id, size FROM t",
            ),
            (
                "SELECT NAME FROM (SELECT Name FROM d.a UNION SELECT name FROM d.b) AS s",
                "SELECT Name FROM (SELECT Name FROM d.a UNION SELECT name FROM d.b) AS s",
            ),
        ]);
    }

    #[test]
    fn columns_after_using_and_except_are_found_in_any_case() {
        all_correct(&[
            (
                "SELECT city FROM d.a JOIN d.e USING (name)",
                "SELECT City FROM d.a JOIN d.e USING(Name)",
            ),
            ("SELECT * EXCEPT (NAME) FROM d.a", "SELECT * EXCEPT (Name) FROM d.a"),
            ("SELECT a.* EXCLUDE (NAME) FROM d.a", "SELECT a.* EXCLUDE (Name) FROM d.a"),
        ]);
    }

    #[test]
    fn a_name_that_fits_two_columns_and_none_exactly_is_an_error_that_names_both() {
        for sql in [
            "SELECT xx FROM d.c",
            "SELECT c.XX FROM d.c",
            "SELECT * EXCEPT (xx) FROM d.c",
            "SELECT xx FROM (SELECT * FROM d.c) AS s",
        ] {
            let error = correction(sql).unwrap_err();
            assert!(error.to_string().contains("may be `Xx` or `xX`, which differ only in case."));
            assert_eq!(error.hint().unwrap(), "Write it as in the file: \"Xx\" or \"xX\".");
        }
        assert!(correction("SELECT NAME FROM d.a JOIN d.b ON true").is_err());
    }
}
