//! Where documented and recorded behaviour differ, or the service varies, the emulator can do both:
//! which it does is set here. The defaults are what was recorded.

use serde::{Deserialize, Serialize};

/// All switches; `GET /variants` shows them, `POST /variants` changes those that it names.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Variants {
    // Delta. (3)
    /// Whether `parentReference.path` is in delta rows.
    pub(crate) delta_paths: bool,
    /// Whether rows of work drives have a `cTag`, which the documentation denies. (3.2)
    pub(crate) delta_c_tags: bool,
    pub(crate) delta_links: DeltaLinks,
    pub(crate) delta_order: DeltaOrder,
    /// Whether the first row of each page comes a second time at its end.
    pub(crate) delta_duplicates: bool,
    pub(crate) tombstones: Tombstones,
    pub(crate) resync: Resync,
    /// From issue to death of a delta token, in milliseconds; none means no end.
    pub(crate) delta_lifetime_ms: Option<i64>,
    /// Whether folders of business drives answer delta, which only roots do.
    pub(crate) folder_delta: bool,

    // Pages. (1.4)
    /// Rows of a page that was not asked to have another size.
    pub(crate) page_size: usize,
    /// Pages never have more rows than this, whatever is asked for.
    pub(crate) page_limit: usize,
    /// Larger pages of a delta feed are cut to this. (3.1)
    pub(crate) delta_page_limit: usize,
    /// Whether an empty page with a next link comes before each page.
    pub(crate) empty_pages: bool,
    /// Whether a next link leads to the page that it is on.
    pub(crate) next_link_loops: bool,

    // Items. (1.7, 1.9, 2)
    /// Whether lists and delta leave out shortcuts unless the client prefers
    /// `Include-Feature=AddToOneDrive`, as since 2025-03. (3.2)
    pub(crate) shortcuts_need_prefer: bool,
    /// Digits of fractions of seconds in times.
    pub(crate) fraction_digits: usize,
    pub(crate) hashes: bool,
    /// How `parentReference.driveId` of a personal drive is written.
    pub(crate) drive_ids: DriveIdCase,

    // Content. (2)
    pub(crate) content: ContentAnswer,
    /// Whether the download hosts ignore `Range`.
    pub(crate) ignore_range: bool,
    /// Whether a bearer at a download host is refused.
    pub(crate) refuse_bearer: bool,
    /// From issue to expiry of a download URL, in milliseconds.
    pub(crate) link_lifetime_ms: i64,

    // Errors. (4, 6)
    /// Whether the inner error is spelt `innererror`.
    pub(crate) lower_case_inner_error: bool,
    pub(crate) throttled_body: ThrottledBody,
    /// Whether `RateLimit` headers are sent from 80 % of the minute's allowance on.
    pub(crate) rate_limit_headers: bool,

    // Signing in. (7)
    pub(crate) sign_in: SignIn,
    pub(crate) scope_echo: ScopeEcho,
    /// Whether a refresh gives a new refresh token.
    pub(crate) rotation: Rotation,
    /// Whether lines in `error_description` end with CRLF, as in older recordings.
    pub(crate) crlf_in_errors: bool,
    /// Whether `expires_in` is a text.
    pub(crate) expires_in_as_text: bool,
    /// How long work access tokens live, in seconds; none means 60 to 90 minutes at random.
    pub(crate) access_lifetime_s: Option<i64>,
}

impl Default for Variants {
    fn default() -> Self {
        Self {
            delta_paths: true,
            delta_c_tags: true,
            delta_links: DeltaLinks::Query,
            delta_order: DeltaOrder::ParentsFirst,
            delta_duplicates: false,
            tombstones: Tombstones::Observed,
            resync: Resync::Recorded,
            delta_lifetime_ms: None,
            folder_delta: false,
            page_size: 200,
            page_limit: 1_000,
            delta_page_limit: 5_000,
            empty_pages: false,
            next_link_loops: false,
            shortcuts_need_prefer: true,
            fraction_digits: 0,
            hashes: true,
            drive_ids: DriveIdCase::Canonical,
            content: ContentAnswer::Redirect,
            ignore_range: false,
            refuse_bearer: true,
            link_lifetime_ms: 3_600_000,
            lower_case_inner_error: false,
            throttled_body: ThrottledBody::Drive,
            rate_limit_headers: false,
            sign_in: SignIn::Automatic,
            scope_echo: ScopeEcho::AsAsked,
            rotation: Rotation::New,
            crlf_in_errors: false,
            expires_in_as_text: false,
            access_lifetime_s: None,
        }
    }
}

/// How delta links are spelt. (3.1)
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeltaLinks {
    /// `…/root/delta?token=…`
    Query,
    /// `…/root/delta(token='…')`
    Function,
    /// `…/root/microsoft.graph.delta?token=…`
    Qualified,
}

/// In which order rows of a delta page come. (3.2)
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeltaOrder {
    ParentsFirst,
    /// Newest first, as legacy personal drives have it.
    Reversed,
    Shuffled,
}

/// What is told of a deleted item. (3.2)
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Tombstones {
    /// As seen: business without a name and with `state: deleted`, personal with a name.
    Observed,
    /// As documented: neither cTag nor name on business, neither cTag nor size on personal.
    Documented,
    /// `state: softDeleted`, of older feeds.
    SoftDeleted,
    /// An empty facet.
    Bare,
}

/// The body of a 410. (3.3)
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Resync {
    /// `resyncRequired` alone.
    Recorded,
    /// `resyncChangesApplyDifferences`.
    ApplyDifferences,
    /// `resyncChangesUploadDifferences`.
    UploadDifferences,
    /// `resyncRequired` with an inner code.
    Inner,
}

/// How a personal drive's identifier is written inside items. (11.3)
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DriveIdCase {
    Canonical,
    Lower,
    /// Lower case and without leading zeros.
    Short,
}

/// What `/content` answers. (2)
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ContentAnswer {
    /// 302 to a download host.
    Redirect,
    /// 200 with the bytes.
    Direct,
    /// 302 without a `Location`.
    Nowhere,
}

/// The body of a 429. (4)
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ThrottledBody {
    /// `activityLimitReached`.
    Drive,
    /// `TooManyRequests`.
    Gateway,
}

/// What the authorize page does. (7.2)
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SignIn {
    /// The person signs in and consents at once.
    Automatic,
    /// A page asks.
    Page,
}

/// The `scope` of a token answer. (7.3)
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ScopeEcho {
    /// Work: as asked, with those of signing in; personal: short.
    AsAsked,
    Short,
    Qualified,
    /// All that was consented to.
    Widened,
    Missing,
}

/// What a refresh does to the refresh token. (7.4)
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Rotation {
    /// A new one is given; the old one stays valid.
    New,
    /// The same one is given again.
    Same,
    /// None is given.
    None,
}
