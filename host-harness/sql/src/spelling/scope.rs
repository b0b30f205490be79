//! What a column name may mean at one place of a statement: the relations of a FROM clause with
//! their columns, and the names that the SELECT list gives.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, Ident, OrderBy, Select, SelectItem, Visit, Visitor,
};
use datafusion::sql::sqlparser::tokenizer::Location;

use super::pick::{Pick, pick};

/// A relation of a FROM clause.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    /// Its alias, or the last part of its name.
    pub(super) qualifier: String,
    /// Its columns; `None` where they are not known here, as for a table function.
    pub(super) columns: Option<Vec<String>>,
}

impl Relation {
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().flatten().map(String::as_str)
    }
}

/// What is in scope for one SELECT, and for the ORDER BY after it.
#[derive(Debug, Default)]
pub(super) struct Scope {
    pub(super) relations: Vec<Relation>,
    /// What the SELECT list names with AS.
    aliases: Vec<String>,
    /// Where names stand that may mean such an alias: in GROUP BY, HAVING, QUALIFY and ORDER BY.
    after_list: HashSet<Location>,
}

impl Scope {
    pub(super) fn of_select(relations: Vec<Relation>, select: &Select) -> Self {
        let mut places = Places::default();
        if let GroupByExpr::Expressions(expressions, _) = &select.group_by {
            places.visit_all(expressions);
        }
        places.visit_all(&select.having);
        places.visit_all(&select.qualify);
        Self { relations, aliases: aliases(select), after_list: places.0 }
    }

    pub(super) fn of_order_by(
        relations: Vec<Relation>,
        aliases: Vec<String>,
        order_by: Option<&OrderBy>,
    ) -> Self {
        let mut places = Places::default();
        if let Some(order_by) = order_by {
            places.visit_all(order_by);
        }
        Self { relations, aliases, after_list: places.0 }
    }

    /// What a column without a qualifier means here.
    pub(super) fn column(&self, ident: &Ident) -> Pick {
        let aliases = match self.after_list.contains(&ident.span.start) {
            true => pick(&ident.value, self.aliases.iter().map(String::as_str)),
            false => Pick::None,
        };
        let columns = pick(&ident.value, self.relations.iter().flat_map(Relation::names));
        match (aliases, columns) {
            (Pick::AsWritten, _) | (_, Pick::AsWritten) => Pick::AsWritten,
            (Pick::None, columns) => columns,
            (aliases, _) => aliases,
        }
    }

    /// The relation that a qualifier names, and the qualifier's right spelling.
    pub(super) fn relation(&self, qualifier: &Ident) -> Option<&Relation> {
        let names = self.relations.iter().map(|relation| relation.qualifier.as_str());
        let name = match pick(&qualifier.value, names) {
            Pick::AsWritten => qualifier.value.clone(),
            Pick::Other(name) if qualifier.quote_style.is_none() => name,
            _ => return None,
        };
        self.relations.iter().find(|relation| relation.qualifier == name)
    }
}

/// The names that a SELECT list gives with AS.
pub(super) fn aliases(select: &Select) -> Vec<String> {
    let named = select.projection.iter().filter_map(|item| match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.clone()),
        _ => None,
    });
    named.collect()
}

/// The places of the names in some expressions.
#[derive(Default)]
struct Places(HashSet<Location>);

impl Places {
    fn visit_all(&mut self, part: &impl Visit) {
        let _: ControlFlow<()> = part.visit(self);
    }
}

impl Visitor for Places {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Identifier(ident) = expr {
            self.0.insert(ident.span.start);
        }
        ControlFlow::Continue(())
    }
}
