//! What a query names, read from its syntax tree: tables in single quotes, and columns that are
//! written out rather than covered by a `*`.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, JoinConstraint, JoinOperator, ObjectName, Query, Select, Statement, TableFactor,
    Visit, Visitor,
};

/// The columns that a statement names outside wildcards.
pub(crate) fn named_columns(statement: &Statement) -> NamedColumns {
    let mut named = NamedColumns::default();
    let _: ControlFlow<()> = statement.visit(&mut named);
    named
}

/// Names folded to lower case; with columns renamed by position, all.
#[derive(Default)]
pub(crate) struct NamedColumns {
    columns: HashSet<String>,
    renamed: bool,
}

impl NamedColumns {
    /// Whether a column, folded to lower case, is or may be named.
    pub(crate) fn has(&self, column: &str) -> bool {
        self.renamed || self.columns.contains(column)
    }

    fn add(&mut self, ident: &Ident) {
        self.columns.insert(ident.value.to_lowercase());
    }
}

impl Visitor for NamedColumns {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(ident) => self.add(ident),
            Expr::CompoundIdentifier(parts) => parts.iter().for_each(|part| self.add(part)),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        for join in select.from.iter().flat_map(|table| &table.joins) {
            for name in using_columns(&join.join_operator).into_iter().flatten() {
                name.0.iter().filter_map(|part| part.as_ident()).for_each(|ident| self.add(ident));
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        // `WITH a (content) AS …` renames a column: what is named later may be any column.
        let mut ctes = query.with.iter().flat_map(|with| &with.cte_tables);
        self.renamed |= ctes.any(|cte| !cte.alias.columns.is_empty());
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        // So does `files AS f (a, b)`.
        if let TableFactor::Table { alias: Some(alias), .. }
        | TableFactor::Derived { alias: Some(alias), .. } = factor
        {
            self.renamed |= !alias.columns.is_empty();
        }
        ControlFlow::Continue(())
    }
}

/// The constraint of a join, by reference or by mutable reference.
macro_rules! constraint {
    ($operator:expr) => {
        match $operator {
            JoinOperator::Join(c)
            | JoinOperator::Inner(c)
            | JoinOperator::Left(c)
            | JoinOperator::LeftOuter(c)
            | JoinOperator::Right(c)
            | JoinOperator::RightOuter(c)
            | JoinOperator::FullOuter(c)
            | JoinOperator::Semi(c)
            | JoinOperator::LeftSemi(c)
            | JoinOperator::RightSemi(c)
            | JoinOperator::Anti(c)
            | JoinOperator::LeftAnti(c)
            | JoinOperator::RightAnti(c) => Some(c),
            _ => None,
        }
    };
}

/// The columns of `JOIN … USING (…)`.
fn using_columns(operator: &JoinOperator) -> Option<&[ObjectName]> {
    match constraint!(operator)? {
        JoinConstraint::Using(columns) => Some(columns),
        _ => None,
    }
}

/// The same, to be changed.
pub(crate) fn using_columns_mut(operator: &mut JoinOperator) -> Option<&mut Vec<ObjectName>> {
    match constraint!(operator)? {
        JoinConstraint::Using(columns) => Some(columns),
        _ => None,
    }
}

/// The first table whose name, or a part of it, stands in single quotes: its database, if it has
/// one, and its name.
pub(crate) fn single_quoted_table(statement: &Statement) -> Option<(Option<String>, String)> {
    let mut found = SingleQuoted;
    match statement.visit(&mut found) {
        ControlFlow::Break(table) => Some(table),
        ControlFlow::Continue(()) => None,
    }
}

struct SingleQuoted;

impl Visitor for SingleQuoted {
    type Break = (Option<String>, String);

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<Self::Break> {
        let idents: Vec<&Ident> = relation.0.iter().filter_map(|part| part.as_ident()).collect();
        match idents.as_slice() {
            [.., last] if idents.iter().any(|ident| ident.quote_style == Some('\'')) => {
                let database = (idents.len() > 1).then(|| idents[0].value.clone());
                ControlFlow::Break((database, last.value.clone()))
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    fn parse(sql: &str) -> Statement {
        Parser::parse_sql(&GenericDialect {}, sql).unwrap().remove(0)
    }

    #[test]
    fn a_column_counts_as_named_wherever_it_is_written_out() {
        for sql in [
            "SELECT path, content FROM d.files",
            "SELECT f.Content FROM d.files f",
            "SELECT \"content\" FROM d.files",
            "SELECT length(content) FROM d.files",
            "SELECT * FROM d.files WHERE content IS NOT NULL",
            "SELECT * FROM d.files ORDER BY content",
            "SELECT *, content FROM d.files",
            "WITH f AS (SELECT * FROM d.files) SELECT content FROM f",
            "SELECT * FROM d.files a JOIN d.files b USING (content)",
            "WITH f (a, b, c, d) AS (SELECT * FROM d.files) SELECT d FROM f",
            "SELECT d FROM d.files AS f (a, b, c, d)",
        ] {
            assert!(named_columns(&parse(sql)).has("content"), "{sql}");
        }
    }

    #[test]
    fn a_wildcard_names_no_column() {
        for sql in [
            "SELECT * FROM d.files",
            "SELECT f.* FROM d.files f WHERE f.path LIKE '%content%'",
            "SELECT COUNT(*) FROM d.content",
            "SELECT * EXCEPT (content) FROM d.files",
            "SELECT path AS content FROM d.files",
        ] {
            assert!(!named_columns(&parse(sql)).has("content"), "{sql}");
        }
    }

    #[test]
    fn a_table_in_single_quotes_is_found() {
        assert_eq!(
            single_quoted_table(&parse("SELECT * FROM ds.'travel/x.csv' LIMIT 1")),
            Some((Some("ds".into()), "travel/x.csv".into()))
        );
        assert_eq!(single_quoted_table(&parse("SELECT 'a' FROM ds.`b.csv`")), None);
    }
}
