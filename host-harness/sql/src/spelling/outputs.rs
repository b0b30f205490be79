//! The columns that come out of tables, subqueries and common table expressions, as far as they have
//! names: what the query around them may write in another case.

use std::collections::HashMap;

use datafusion::sql::sqlparser::ast::{
    Cte, Expr, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, TableAlias,
    TableFactor, TableWithJoins,
};

use super::pick::Pick;
use super::scope::{Relation, Scope};
use super::{SchemaOf, parts_of};

/// Wider outputs are not known here: `*` of `*` grows without bound.
const MOST_COLUMNS: usize = 20_000;

/// The common table expressions in force, the innermost query last.
#[derive(Debug, Default)]
pub(super) struct Ctes(Vec<HashMap<String, Option<Vec<String>>>>);

impl Ctes {
    /// Takes up those of a query; each sees the ones before it.
    pub(super) fn enter(&mut self, query: &Query, schema_of: &SchemaOf<'_>) {
        self.0.push(HashMap::new());
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            let columns = self.of_cte(cte, schema_of);
            if let Some(innermost) = self.0.last_mut() {
                innermost.insert(cte.alias.name.value.clone(), columns);
            }
        }
    }

    pub(super) fn leave(&mut self) {
        self.0.pop();
    }

    fn of_cte(&mut self, cte: &Cte, schema_of: &SchemaOf<'_>) -> Option<Vec<String>> {
        renamed(self.of_query(&cte.query, schema_of), Some(&cte.alias))
    }

    fn find(&self, name: &str) -> Option<&Option<Vec<String>>> {
        self.0.iter().rev().find_map(|ctes| ctes.get(name))
    }

    /// The relations of a FROM clause.
    pub(super) fn relations(
        &mut self,
        from: &[TableWithJoins],
        schema_of: &SchemaOf<'_>,
    ) -> Vec<Relation> {
        from.iter()
            .flat_map(|table| {
                std::iter::once(&table.relation).chain(table.joins.iter().map(|j| &j.relation))
            })
            .flat_map(|factor| self.of_factor(factor, schema_of))
            .collect()
    }

    fn of_factor(&mut self, factor: &TableFactor, schema_of: &SchemaOf<'_>) -> Vec<Relation> {
        match factor {
            TableFactor::Table { name, alias, .. } => {
                let parts = parts_of(name);
                let Some(last) = parts.last() else { return Vec::new() };
                let columns = match self.find(last) {
                    Some(columns) if parts.len() == 1 => columns.clone(),
                    _ => schema_of(&parts).map(|schema| {
                        schema.fields().iter().map(|field| field.name().clone()).collect()
                    }),
                };
                let qualifier = alias.as_ref().map_or(last, |alias| &alias.name.value).clone();
                vec![Relation { qualifier, columns: renamed(columns, alias.as_ref()) }]
            }
            TableFactor::Derived { subquery, alias, .. } => {
                let columns = renamed(self.of_query(subquery, schema_of), alias.as_ref());
                let qualifier =
                    alias.as_ref().map(|alias| alias.name.value.clone()).unwrap_or_default();
                vec![Relation { qualifier, columns }]
            }
            TableFactor::NestedJoin { table_with_joins, .. } => {
                self.relations(std::slice::from_ref(table_with_joins), schema_of)
            }
            // A table function or the like: it may have any column.
            _ => vec![Relation { qualifier: String::new(), columns: None }],
        }
    }

    /// The named columns of a query; `None` where they cannot be known here.
    fn of_query(&mut self, query: &Query, schema_of: &SchemaOf<'_>) -> Option<Vec<String>> {
        self.enter(query, schema_of);
        let columns = self.of_body(&query.body, schema_of);
        self.leave();
        columns
    }

    fn of_body(&mut self, body: &SetExpr, schema_of: &SchemaOf<'_>) -> Option<Vec<String>> {
        match body {
            SetExpr::Select(select) => self.of_select(select, schema_of),
            SetExpr::Query(query) => self.of_query(query, schema_of),
            SetExpr::SetOperation { left, .. } => self.of_body(left, schema_of),
            _ => None,
        }
    }

    fn of_select(&mut self, select: &Select, schema_of: &SchemaOf<'_>) -> Option<Vec<String>> {
        let scope = Scope::of_select(self.relations(&select.from, schema_of), select);
        let mut columns = Vec::new();
        for item in &select.projection {
            match item {
                SelectItem::ExprWithAlias { alias, .. } => columns.push(alias.value.clone()),
                // Whatever else it is called, nobody can write its name in another case.
                SelectItem::UnnamedExpr(expr) => columns.extend(name_of(expr, &scope)),
                SelectItem::Wildcard(_) => {
                    for relation in &scope.relations {
                        columns.extend(relation.columns.clone()?);
                        if columns.len() > MOST_COLUMNS {
                            return None;
                        }
                    }
                }
                SelectItem::QualifiedWildcard(
                    SelectItemQualifiedWildcardKind::ObjectName(name),
                    _,
                ) => {
                    let qualifier = name.0.last().and_then(|part| part.as_ident())?;
                    columns.extend(scope.relation(qualifier)?.columns.clone()?);
                }
                _ => return None,
            }
        }
        (columns.len() <= MOST_COLUMNS).then_some(columns)
    }
}

/// The name that a column keeps when it is selected without AS.
fn name_of(expr: &Expr, scope: &Scope) -> Option<String> {
    let (ident, picked) = match expr {
        Expr::Identifier(ident) => (ident, scope.column(ident)),
        Expr::CompoundIdentifier(parts) => {
            let [.., qualifier, ident] = parts.as_slice() else { return None };
            let relation = scope.relation(qualifier)?;
            (ident, super::pick::pick(&ident.value, relation.names()))
        }
        _ => return None,
    };
    match picked {
        Pick::Other(name) if ident.quote_style.is_none() => Some(name),
        _ => Some(ident.value.clone()),
    }
}

/// The columns under the names that an alias gives to the first of them.
fn renamed(columns: Option<Vec<String>>, alias: Option<&TableAlias>) -> Option<Vec<String>> {
    let given = alias.map(|alias| alias.columns.as_slice()).unwrap_or_default();
    if given.is_empty() {
        return columns;
    }
    let given = given.iter().map(|column| column.name.value.clone());
    let rest = columns.unwrap_or_default().into_iter().skip(given.len());
    Some(given.chain(rest).collect())
}
