//! Between core's plain types and the contract's generated ones.

use onedrive_core::contract as core;
use onedrive_core::describe::{self, ValueType};
use onedrive_core::{Actor, Error, ErrorKind};

use crate::bindings::exports::platform::datasource::datasource as wit;
use crate::bindings::exports::platform::datasource::{authorization, diagnostics, sync, types};

pub(crate) fn error(error: Error) -> types::Error {
    let retry_after_ms =
        error.retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
    types::Error {
        kind: error_kind(error.kind),
        actor: actor(error.actor),
        message: error.message,
        hint: error.hint,
        retry_after_ms,
        request_id: error.request_id,
        candidates: error.candidates,
        details: error.details,
    }
}

fn error_kind(kind: ErrorKind) -> types::ErrorKind {
    match kind {
        ErrorKind::InvalidParams => types::ErrorKind::InvalidParams,
        ErrorKind::AuthRequired => types::ErrorKind::AuthRequired,
        ErrorKind::PermissionDenied => types::ErrorKind::PermissionDenied,
        ErrorKind::NotFound => types::ErrorKind::NotFound,
        ErrorKind::Ambiguous => types::ErrorKind::Ambiguous,
        ErrorKind::UnsupportedFormat => types::ErrorKind::UnsupportedFormat,
        ErrorKind::Unsupported => types::ErrorKind::Unsupported,
        ErrorKind::MalformedData => types::ErrorKind::MalformedData,
        ErrorKind::TooLarge => types::ErrorKind::TooLarge,
        ErrorKind::ChangedDuringRead => types::ErrorKind::ChangedDuringRead,
        ErrorKind::StaleSplit => types::ErrorKind::StaleSplit,
        ErrorKind::Throttled => types::ErrorKind::Throttled,
        ErrorKind::DeadlineExceeded => types::ErrorKind::DeadlineExceeded,
        ErrorKind::EgressDenied => types::ErrorKind::EgressDenied,
        ErrorKind::StoreFull => types::ErrorKind::StoreFull,
        ErrorKind::Unavailable => types::ErrorKind::Unavailable,
        ErrorKind::Internal => types::ErrorKind::Internal,
    }
}

fn actor(actor: Actor) -> types::Actor {
    match actor {
        Actor::Caller => types::Actor::Caller,
        Actor::AccountOwner => types::Actor::AccountOwner,
        Actor::DirectoryAdministrator => types::Actor::DirectoryAdministrator,
        Actor::HostOperator => types::Actor::HostOperator,
        Actor::ConnectorAuthor => types::Actor::ConnectorAuthor,
        Actor::Nobody => types::Actor::Nobody,
    }
}

pub(crate) fn description() -> wit::Description {
    wit::Description {
        engine: describe::ENGINE.to_owned(),
        title: describe::TITLE.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        parameters: describe::PARAMETERS.iter().map(parameter).collect(),
        read_options: describe::read_options().into_iter().map(read_option).collect(),
        egress_profiles: describe::egress_profiles()
            .into_iter()
            .map(|(cloud, rules)| wit::EgressProfile {
                name: cloud.name.to_owned(),
                rules: rules.into_iter().map(egress_rule).collect(),
                doc: cloud.doc.to_owned(),
            })
            .collect(),
        egress_parameter: Some(describe::EGRESS_PARAMETER.to_owned()),
    }
}

fn parameter(doc: &describe::ParameterDoc) -> wit::Parameter {
    let choices = if doc.name == describe::EGRESS_PARAMETER {
        describe::egress_profiles().iter().map(|(cloud, _)| cloud.name.to_owned()).collect()
    } else {
        doc.choices.iter().map(|choice| (*choice).to_owned()).collect()
    };
    wit::Parameter {
        name: doc.name.to_owned(),
        value_type: value_type(doc.value_type),
        secret: doc.secret,
        default: doc.default.map(str::to_owned),
        choices,
        doc: doc.doc.to_owned(),
    }
}

fn read_option(doc: describe::ReadOptionDoc) -> wit::ReadOption {
    wit::ReadOption {
        name: doc.name,
        value_type: value_type(doc.value_type),
        default: doc.default,
        choices: doc.choices,
        doc: doc.doc,
    }
}

fn egress_rule((host, methods, purpose): describe::Rule) -> wit::EgressRule {
    wit::EgressRule {
        host: host.to_owned(),
        methods: methods.iter().map(|method| (*method).to_owned()).collect(),
        purpose: purpose.to_owned(),
    }
}

fn value_type(value_type: ValueType) -> wit::ValueType {
    match value_type {
        ValueType::Text => wit::ValueType::Text,
        ValueType::Integer => wit::ValueType::Integer,
        ValueType::Boolean => wit::ValueType::Boolean,
        ValueType::Timestamp => wit::ValueType::Timestamp,
        ValueType::TextList => wit::ValueType::TextList,
        ValueType::Json => wit::ValueType::Json,
    }
}

pub(crate) fn connection_info(info: core::ConnectionInfo) -> wit::ConnectionInfo {
    wit::ConnectionInfo {
        connection_id: info.connection_id,
        state: match info.state {
            core::ConnectionState::Ready => wit::ConnectionState::Ready,
            core::ConnectionState::PendingAuthorization => {
                wit::ConnectionState::PendingAuthorization
            }
            core::ConnectionState::AuthRequired => wit::ConnectionState::AuthRequired,
        },
        identity: info.identity.map(|identity| wit::Identity {
            id: identity.id,
            display_name: identity.display_name,
            email: identity.email,
            directory: identity.directory,
        }),
        root_id: info.root_id,
        scopes: info.scopes,
        expires_at: info.expires_at,
        created_at: info.created_at,
        updated_at: info.updated_at,
        generation: info.generation,
        properties: info.properties,
    }
}

pub(crate) fn table_info(info: core::TableInfo) -> wit::TableInfo {
    wit::TableInfo {
        name: info.name,
        kind: match info.kind {
            core::TableKind::Table => wit::TableKind::Table,
            core::TableKind::Folder => wit::TableKind::Folder,
            core::TableKind::System => wit::TableKind::System,
            core::TableKind::Other => wit::TableKind::Other,
        },
        bytes: info.bytes,
        modified: info.modified,
        doc: info.doc,
    }
}

pub(crate) fn list_request(request: wit::ListRequest) -> core::ListRequest {
    core::ListRequest {
        prefix: request.prefix,
        scope: match request.scope {
            wit::ListScope::Tables => core::ListScope::Tables,
            wit::ListScope::Folders => core::ListScope::Folders,
            wit::ListScope::All => core::ListScope::All,
        },
        recursive: request.recursive,
        page: request.page,
        limit: request.limit,
    }
}

pub(crate) fn table_page(page: core::TablePage) -> wit::TablePage {
    wit::TablePage { entries: page.entries.into_iter().map(table_info).collect(), next: page.next }
}

fn count(count: core::Count) -> types::Count {
    let precision = match count.precision {
        core::Precision::Exact => types::Precision::Exact,
        core::Precision::Estimate => types::Precision::Estimate,
    };
    types::Count { value: count.value, precision }
}

pub(crate) fn statistics(statistics: core::Statistics) -> wit::Statistics {
    wit::Statistics {
        rows: statistics.rows.map(count),
        bytes: statistics.bytes.map(count),
        columns: Vec::new(),
    }
}

pub(crate) fn filter_support(support: core::ColumnFilterSupport) -> wit::ColumnFilterSupport {
    let operators = support.operators.into_iter().map(|(operator, support)| {
        let support = match support {
            core::Support::Exact => wit::Support::Exact,
            core::Support::Inexact => wit::Support::Inexact,
            core::Support::None => wit::Support::None,
        };
        (operator_out(operator), support)
    });
    wit::ColumnFilterSupport { column: support.column, operators: operators.collect() }
}

macro_rules! operators {
    ($($name:ident),*) => {
        fn operator_out(operator: core::Operator) -> wit::Operator {
            match operator { $(core::Operator::$name => wit::Operator::$name),* }
        }

        fn operator_in(operator: wit::Operator) -> core::Operator {
            match operator { $(wit::Operator::$name => core::Operator::$name),* }
        }
    };
}

operators!(
    Eq, NotEq, Lt, LtEq, Gt, GtEq, Like, NotLike, Ilike, NotIlike, InList, NotInList, IsNull,
    IsNotNull
);

fn literal(literal: types::Literal) -> core::Literal {
    match literal {
        types::Literal::Boolean(value) => core::Literal::Boolean(value),
        types::Literal::Int64(value) => core::Literal::Int64(value),
        types::Literal::Uint64(value) => core::Literal::Uint64(value),
        types::Literal::Float64(value) => core::Literal::Float64(value),
        types::Literal::Utf8(value) => core::Literal::Utf8(value),
        types::Literal::Binary(value) => core::Literal::Binary(value),
        types::Literal::Date32(value) => core::Literal::Date32(value),
        types::Literal::Time64Us(value) => core::Literal::Time64Us(value),
        types::Literal::TimestampUs(value) => core::Literal::TimestampUs(value),
        types::Literal::Decimal(value) => core::Literal::Decimal(value),
    }
}

pub(crate) fn scan(scan: wit::Scan) -> core::Scan {
    let filters = scan.filters.into_iter().map(|predicate| core::Predicate {
        column: predicate.column,
        operator: operator_in(predicate.operator),
        values: predicate.values.into_iter().map(literal).collect(),
    });
    core::Scan {
        projection: scan.projection,
        filters: filters.collect(),
        limit: scan.limit,
        wished_splits: scan.wished_splits,
    }
}

pub(crate) fn scan_plan(plan: core::ScanPlan) -> wit::ScanPlan {
    let splits = plan.splits.into_iter().map(|split| wit::Split {
        token: split.token,
        rows: split.rows.map(count),
        bytes: split.bytes.map(count),
    });
    wit::ScanPlan { schema: plan.schema, splits: splits.collect(), notes: plan.notes }
}

pub(crate) fn piece(piece: core::Piece) -> wit::Piece {
    wit::Piece { bytes: piece.bytes, ends_message: piece.ends_message }
}

pub(crate) fn metrics(metrics: core::ScanMetrics) -> wit::ScanMetrics {
    wit::ScanMetrics {
        requests: metrics.requests,
        bytes: metrics.bytes,
        retries: metrics.retries,
        throttled: metrics.throttled,
        rows: metrics.rows,
        nulled_cells: metrics.nulled_cells,
        warnings: metrics.warnings,
    }
}

pub(crate) fn sign_in_method(method: authorization::Method) -> core::SignInMethod {
    match method {
        authorization::Method::Code(redirect_uri) => core::SignInMethod::Code { redirect_uri },
        authorization::Method::Device => core::SignInMethod::Device,
        authorization::Method::AdminConsent(redirect_uri) => {
            core::SignInMethod::AdminConsent { redirect_uri }
        }
    }
}

pub(crate) fn pending(pending: core::PendingSignIn) -> authorization::Pending {
    authorization::Pending {
        id: pending.id,
        url: pending.url,
        user_code: pending.user_code,
        expires_at: pending.expires_at,
        poll_interval_ms: pending.poll_interval_ms,
        message: pending.message,
    }
}

pub(crate) fn sign_in_answer(answer: authorization::Answer) -> core::SignInAnswer {
    match answer {
        authorization::Answer::Redirect(query) => core::SignInAnswer::Redirect(query),
        authorization::Answer::Poll => core::SignInAnswer::Poll,
    }
}

pub(crate) fn outcome(outcome: core::SignInOutcome) -> authorization::Outcome {
    match outcome {
        core::SignInOutcome::Pending(waiting) => authorization::Outcome::Pending(pending(waiting)),
        core::SignInOutcome::Done => authorization::Outcome::Done,
    }
}

pub(crate) fn finding(finding: core::Finding) -> diagnostics::Finding {
    diagnostics::Finding {
        check: finding.check.to_owned(),
        state: match finding.state {
            core::FindingState::Ok => diagnostics::FindingState::Ok,
            core::FindingState::Warning => diagnostics::FindingState::Warning,
            core::FindingState::Failed => diagnostics::FindingState::Failed,
            core::FindingState::Skipped => diagnostics::FindingState::Skipped,
        },
        evidence: finding.evidence,
        actor: finding.actor.map(actor),
        hint: finding.hint,
    }
}

pub(crate) fn progress(progress: core::Progress) -> sync::Progress {
    sync::Progress {
        state: match progress.state {
            core::RunState::Working => sync::RunState::Working,
            core::RunState::Current => sync::RunState::Current,
        },
        run_id: progress.run_id,
        items: progress.items,
        items_expected: progress.items_expected,
        requests: progress.requests,
        added: progress.added,
        modified: progress.modified,
        deleted: progress.deleted,
        errors: progress.errors,
        throttled: progress.throttled,
    }
}

pub(crate) fn change_page(page: core::ChangePage) -> sync::ChangePage {
    sync::ChangePage {
        changes: page.changes.into_iter().map(change).collect(),
        cursor: page.cursor,
        more: page.more,
    }
}

fn change(change: core::ItemChange) -> sync::Change {
    sync::Change {
        kind: match change.kind {
            core::ChangeKind::Added => sync::ChangeKind::Added,
            core::ChangeKind::Modified => sync::ChangeKind::Modified,
            core::ChangeKind::Moved => sync::ChangeKind::Moved,
            core::ChangeKind::Deleted => sync::ChangeKind::Deleted,
        },
        id: change.id,
        path: change.path,
        previous_path: change.previous_path,
        folder: change.folder,
        bytes: change.bytes,
        modified: change.modified,
        content_version: change.content_version,
    }
}
