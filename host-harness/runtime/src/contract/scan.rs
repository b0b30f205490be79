//! What is asked of a table and what is known of it: predicates, statistics, splits, metrics.

use arrow_schema::SchemaRef;

/// A constant in a predicate, or a bound in statistics.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// True or false.
    Boolean(bool),
    /// A signed whole number.
    Int64(i64),
    /// An unsigned whole number.
    UInt64(u64),
    /// A floating-point number.
    Float64(f64),
    /// A text.
    Utf8(String),
    /// Bytes.
    Binary(Vec<u8>),
    /// Days since 1970-01-01.
    Date32(i32),
    /// Microseconds since midnight.
    Time64Us(i64),
    /// Microseconds since 1970-01-01T00:00:00, in UTC where the column has a time zone.
    TimestampUs(i64),
    /// An exact decimal in plain notation, such as `-12.50`.
    Decimal(String),
}

/// How sure a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Precision {
    /// True of the object as it was when it was asked for.
    Exact,
    /// May be off in either direction.
    Estimate,
}

/// A count with its precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Count {
    /// The number.
    pub value: u64,
    /// How sure it is.
    pub precision: Precision,
}

/// What is known of one column before a scan.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnStatistics {
    /// Position in the table's schema; always inside it.
    pub column: usize,
    /// Number of NULLs.
    pub nulls: Option<Count>,
    /// Number of distinct values.
    pub distinct: Option<Count>,
    /// The least value or a bound below it.
    pub min: Option<Literal>,
    /// The greatest value or a bound above it.
    pub max: Option<Literal>,
    /// Whether `min` and `max` are values of the column or only bounds.
    pub bounds: Precision,
}

/// What is known of a table before a scan.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Statistics {
    /// Number of rows.
    pub rows: Option<Count>,
    /// Size in bytes.
    pub bytes: Option<Count>,
    /// What is known of columns; columns may be missing.
    pub columns: Vec<ColumnStatistics>,
}

/// A comparison of a column with constants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// Equal to the one value.
    Eq,
    /// Not equal to the one value.
    NotEq,
    /// Less than the one value.
    Lt,
    /// Less than or equal to the one value.
    LtEq,
    /// Greater than the one value.
    Gt,
    /// Greater than or equal to the one value.
    GtEq,
    /// SQL LIKE with `%`, `_` and `\` as escape; one utf8 value.
    Like,
    /// Not LIKE.
    NotLike,
    /// LIKE without regard to case.
    ILike,
    /// Not LIKE without regard to case.
    NotILike,
    /// Equal to one of the values.
    InList,
    /// Equal to none of the values.
    NotInList,
    /// NULL; no value.
    IsNull,
    /// Not NULL; no value.
    IsNotNull,
}

/// How much of a predicate the connector takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Support {
    /// No row that fails the predicate is returned.
    Exact,
    /// Some rows that fail it may be returned; the host filters again.
    Inexact,
    /// The predicate is ignored.
    None,
}

/// The operators that a column supports; those not listed have none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnFilterSupport {
    /// Position in the table's schema; always inside it.
    pub column: usize,
    /// Operators and how far they are supported.
    pub operators: Vec<(Operator, Support)>,
}

/// One term of a conjunction. A NULL in the column fails every operator except `IsNull`.
#[derive(Debug, Clone, PartialEq)]
pub struct Predicate {
    /// Position in the table's schema.
    pub column: usize,
    /// The comparison.
    pub operator: Operator,
    /// The constants.
    pub values: Vec<Literal>,
}

/// What the caller wants of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Scan {
    /// Positions in the table's schema in the order wanted; `None` means all, an empty list rows
    /// without columns.
    pub projection: Option<Vec<usize>>,
    /// All must hold.
    pub filters: Vec<Predicate>,
    /// More rows than this are not needed; the connector may return more.
    pub limit: Option<u64>,
    /// How many splits the caller can use at once; at least 1.
    pub wished_splits: u32,
}

impl Default for Scan {
    fn default() -> Self {
        Self { projection: None, filters: Vec::new(), limit: None, wished_splits: 1 }
    }
}

/// A part of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Opaque and self-contained; holds no token and no link.
    pub token: Vec<u8>,
    /// Number of rows.
    pub rows: Option<Count>,
    /// Number of bytes to be read.
    pub bytes: Option<Count>,
}

/// How a scan will run.
#[derive(Debug, Clone, PartialEq)]
pub struct ScanPlan {
    /// The projected columns, checked against the table's schema and the projection asked for.
    pub schema: SchemaRef,
    /// In the table's order of rows; empty means no rows.
    pub splits: Vec<Split>,
    /// For people: what was decided and why.
    pub notes: Vec<String>,
}

/// What a reader did so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScanMetrics {
    /// Requests sent.
    pub requests: u64,
    /// Bytes of response bodies.
    pub bytes: u64,
    /// Requests sent again.
    pub retries: u64,
    /// Responses that asked to slow down.
    pub throttled: u64,
    /// Rows returned.
    pub rows: u64,
    /// Cells that did not fit their column's type and were made NULL.
    pub nulled_cells: u64,
    /// Sentences for people about what was not read as it stands.
    pub warnings: Vec<String>,
}
