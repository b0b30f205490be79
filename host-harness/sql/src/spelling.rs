//! Columns written in another case than the file's header: an unquoted name that no table has as
//! written becomes the one column that differs from it only in case. Quoted names stay as written.
//!
//! Names in `JOIN … USING (…)` and after `* EXCEPT` must be spelt as in the header.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, ObjectName, Query, Select, SelectItem, SetExpr, Statement, TableFactor, VisitMut,
    VisitorMut,
};

/// Finds the schema of a relation by its name's parts; `None` for what is not a table.
pub(crate) type SchemaOf<'a> = dyn Fn(&[String]) -> Option<SchemaRef> + 'a;

/// Corrects the spelling of column names and of the qualifiers before them.
pub(crate) fn correct(statement: &mut Statement, schema_of: &SchemaOf<'_>) {
    let mut names = Names { schema_of, scopes: Vec::new(), introduced: HashSet::new() };
    let mut introduced = Introduced::default();
    let _: ControlFlow<()> = statement.visit(&mut introduced);
    names.introduced = introduced.names;
    let _: ControlFlow<()> = statement.visit(&mut names);
}

/// The names that the statement itself gives to columns.
#[derive(Default)]
struct Introduced {
    names: HashSet<String>,
}

impl VisitorMut for Introduced {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        for item in &select.projection {
            if let SelectItem::ExprWithAlias { alias, .. } = item {
                self.names.insert(alias.value.clone());
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.names.extend(cte.alias.columns.iter().map(|column| column.name.value.clone()));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { alias: Some(alias), .. }
        | TableFactor::Derived { alias: Some(alias), .. } = factor
        {
            self.names.extend(alias.columns.iter().map(|column| column.name.value.clone()));
        }
        ControlFlow::Continue(())
    }
}

/// A relation of a FROM clause.
struct Relation {
    /// Its alias, or the last part of its name.
    qualifier: String,
    /// Its columns; `None` where they are not known here (a subquery, a CTE).
    schema: Option<SchemaRef>,
}

impl Relation {
    fn columns(&self) -> impl Iterator<Item = &str> {
        self.schema.iter().flat_map(|schema| schema.fields()).map(|field| field.name().as_str())
    }
}

struct Names<'a> {
    schema_of: &'a SchemaOf<'a>,
    /// The relations in scope, the innermost query last.
    scopes: Vec<Vec<Relation>>,
    introduced: HashSet<String>,
}

impl Names<'_> {
    fn scope_of(&self, select: &Select) -> Vec<Relation> {
        select
            .from
            .iter()
            .flat_map(|table| {
                std::iter::once(&table.relation)
                    .chain(table.joins.iter().map(|join| &join.relation))
            })
            .filter_map(|factor| self.relation(factor))
            .collect()
    }

    fn relation(&self, factor: &TableFactor) -> Option<Relation> {
        match factor {
            TableFactor::Table { name, alias, .. } => {
                let parts = parts_of(name);
                let qualifier = match alias {
                    Some(alias) => alias.name.value.clone(),
                    None => parts.last()?.clone(),
                };
                // Renamed columns are not the file's any more.
                let renamed = alias.as_ref().is_some_and(|alias| !alias.columns.is_empty());
                let schema = if renamed { None } else { (self.schema_of)(&parts) };
                Some(Relation { qualifier, schema })
            }
            TableFactor::Derived { alias: Some(alias), .. } => {
                Some(Relation { qualifier: alias.name.value.clone(), schema: None })
            }
            _ => None,
        }
    }

    /// The spelling of a column without a qualifier.
    fn column(&self, ident: &Ident) -> Option<String> {
        if self.introduced.contains(&ident.value) {
            return None;
        }
        for scope in self.scopes.iter().rev() {
            match pick(&ident.value, scope.iter().flat_map(Relation::columns)) {
                Pick::AsWritten | Pick::Several => return None,
                Pick::Other(name) => return Some(name),
                Pick::None => {}
            }
        }
        match pick(&ident.value, self.introduced.iter().map(String::as_str)) {
            Pick::Other(name) => Some(name),
            _ => None,
        }
    }

    /// Corrects `qualifier.column`; what stands before the qualifier is left as it is.
    fn qualified(&self, qualifier: &mut Ident, column: &mut Ident) {
        for scope in self.scopes.iter().rev() {
            match pick(&qualifier.value, scope.iter().map(|r| r.qualifier.as_str())) {
                Pick::None => continue,
                Pick::Several => return,
                Pick::Other(_) if qualifier.quote_style.is_some() => return,
                Pick::Other(name) => qualifier.value = name,
                Pick::AsWritten => {}
            }
            let relation = scope.iter().find(|r| r.qualifier == qualifier.value);
            if let Some(relation) = relation
                && column.quote_style.is_none()
                && let Pick::Other(name) = pick(&column.value, relation.columns())
            {
                column.value = name;
            }
            return;
        }
    }
}

impl VisitorMut for Names<'_> {
    type Break = ();

    // A query's own scope is that of its SELECT, for the ORDER BY that stands outside it.
    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let scope = match query.body.as_ref() {
            SetExpr::Select(select) => self.scope_of(select),
            _ => Vec::new(),
        };
        self.scopes.push(scope);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.scopes.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let scope = self.scope_of(select);
        self.scopes.push(scope);
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, _select: &mut Select) -> ControlFlow<()> {
        self.scopes.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(ident) if ident.quote_style.is_none() => {
                if let Some(name) = self.column(ident) {
                    ident.value = name;
                }
            }
            Expr::CompoundIdentifier(parts) => {
                if let [.., qualifier, column] = parts.as_mut_slice() {
                    self.qualified(qualifier, column);
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// The parts of a relation's name.
pub(crate) fn parts_of(name: &ObjectName) -> Vec<String> {
    name.0.iter().filter_map(|part| part.as_ident()).map(|ident| ident.value.clone()).collect()
}

enum Pick {
    /// One of the candidates is spelt just so.
    AsWritten,
    /// One spelling differs in case only.
    Other(String),
    /// Several spellings differ in case only.
    Several,
    None,
}

fn pick<'a>(wanted: &str, candidates: impl Iterator<Item = &'a str>) -> Pick {
    let folded = wanted.to_lowercase();
    let mut found: Option<&str> = None;
    let mut several = false;
    for candidate in candidates {
        if candidate == wanted {
            return Pick::AsWritten;
        }
        if candidate.to_lowercase() == folded {
            several |= found.is_some_and(|other| other != candidate);
            found = Some(candidate);
        }
    }
    match found {
        None => Pick::None,
        Some(_) if several => Pick::Several,
        Some(name) => Pick::Other(name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use datafusion::arrow::datatypes::{DataType, Field, Schema};
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    /// `d.a` has `Name` and `size`, `d.b` has `name` and `Cost Total`, `d.c` has `x` and `X`.
    fn schema_of(parts: &[String]) -> Option<SchemaRef> {
        let columns = match parts.last()?.as_str() {
            "a" => ["Name", "size"],
            "b" => ["name", "Cost Total"],
            "c" => ["x", "X"],
            _ => return None,
        };
        let fields: Vec<_> =
            columns.iter().map(|name| Field::new(*name, DataType::Utf8, true)).collect();
        Some(Arc::new(Schema::new(fields)))
    }

    fn corrected(sql: &str) -> String {
        let mut statement = Parser::parse_sql(&GenericDialect {}, sql).unwrap().remove(0);
        correct(&mut statement, &schema_of);
        statement.to_string()
    }

    #[test]
    fn an_unquoted_column_takes_the_spelling_of_the_header() {
        for (written, expected) in [
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
        ] {
            assert_eq!(corrected(written), expected);
        }
    }

    #[test]
    fn what_is_quoted_exact_introduced_or_ambiguous_stays() {
        for sql in [
            "SELECT \"name\" FROM d.a",
            "SELECT Name FROM d.a",
            "SELECT upper(Name) AS name FROM d.a ORDER BY name",
            "SELECT x, X FROM d.c",
            "SELECT nothing FROM d.a",
            "SELECT name FROM (SELECT size AS name FROM d.a) AS s",
        ] {
            assert_eq!(corrected(sql), sql);
        }
    }

    #[test]
    fn a_name_that_the_statement_gives_is_found_in_any_case() {
        assert_eq!(
            corrected("SELECT size AS Bytes FROM d.a ORDER BY bytes"),
            "SELECT size AS Bytes FROM d.a ORDER BY Bytes"
        );
    }
}
