//! The parameters as `describe` tells of them.

/// The type of a parameter's value, as the contract names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// Text.
    Text,
    /// Integer.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// Unix seconds or a written time.
    Timestamp,
    /// Array, or text separated by commas or spaces.
    TextList,
    /// Any JSON value.
    Json,
}

/// What `describe` tells about a parameter.
#[derive(Debug)]
pub struct ParameterDoc {
    /// Its key.
    pub name: &'static str,
    /// Its type.
    pub value_type: ValueType,
    /// Whether it must never be shown.
    pub secret: bool,
    /// In force when absent.
    pub default: Option<&'static str>,
    /// The values allowed; empty where any is, and for `cloud`, whose are the profiles' names.
    pub choices: &'static [&'static str],
    /// What it is for.
    pub doc: &'static str,
}

const fn of(name: &'static str, value_type: ValueType, doc: &'static str) -> ParameterDoc {
    ParameterDoc { name, value_type, secret: false, default: None, choices: &[], doc }
}

const fn text(name: &'static str, doc: &'static str) -> ParameterDoc {
    of(name, ValueType::Text, doc)
}

const fn secret(name: &'static str, doc: &'static str) -> ParameterDoc {
    ParameterDoc { secret: true, ..text(name, doc) }
}

/// All parameters.
pub const PARAMETERS: [ParameterDoc; 24] = [
    secret(
        "access_token",
        "Access token for Microsoft Graph. Without one, the refresh token gets it.",
    ),
    secret(
        "refresh_token",
        "Refresh token. Without one, the connection ends when the access token does.",
    ),
    of(
        "expires_at",
        ValueType::Timestamp,
        "When the access token expires: Unix seconds, or a written time with its offset. Default: \
         what the token says, else one hour from now.",
    ),
    text(
        "tenant_id",
        "The directory that signs in: its GUID, a domain of it, or common, organizations, \
         consumers.",
    ),
    text("account_id", "Your own name for the account, for tracking."),
    text("client_id", "The application's id; needed to sign in and to refresh."),
    secret("client_secret", "The application's secret; none for a public client."),
    ParameterDoc {
        default: Some("common"),
        ..text("authority", "Stands in for tenant_id where that is absent.")
    },
    ParameterDoc {
        default: Some(".default offline_access"),
        ..of(
            "scopes",
            ValueType::TextList,
            "Scopes to ask for, separated by commas or spaces; offline_access is always added.",
        )
    },
    ParameterDoc {
        default: Some("global"),
        ..text("cloud", "The Microsoft cloud of the account.")
    },
    ParameterDoc {
        choices: &["authorization_code", "device_code", "client_credentials", "refresh_token"],
        ..text(
            "grant_type",
            "How the connection gets its tokens. Default: refresh_token where tokens are given, \
             else authorization_code. client_credentials (the application by itself) is for \
             administrators and needs the drive to be fixed.",
        )
    },
    secret(
        "code",
        "An authorization code that was obtained elsewhere; the redirect flow brings it by itself.",
    ),
    ParameterDoc {
        default: Some("http://localhost:47334/verify-auth"),
        ..text("redirect_uri", "The redirect URI that `code` was obtained with.")
    },
    ParameterDoc {
        default: Some("false"),
        ..of(
            "enable_files_read_all",
            ValueType::Boolean,
            "Asks for Files.Read.All, and insists on it: files shared with the account too.",
        )
    },
    text("drive_id", "Reads the drive of this id instead of the account's own."),
    text("user_id", "Reads the drive of this person, by id or sign-in name."),
    text("group_id", "Reads the drive of this group."),
    text("site_id", "Reads the document library of this site, by id or URL."),
    secret("share_link", "Reads what this sharing link leads to: a folder or a file."),
    text("folder_path", "Reads only what is in this folder; names are relative to it."),
    of(
        "selected_items",
        ValueType::Json,
        "Reads only these items of the file picker: [{\"id\": \"…\", \"parentReference\": \
         {\"driveId\": \"…\"}}, …].",
    ),
    ParameterDoc {
        choices: &["all", "specific"],
        ..text(
            "scope_type",
            "`specific` reads only `selected_items`, `all` the whole drive. Default: specific \
             where there are selected_items.",
        )
    },
    ParameterDoc {
        default: Some("0"),
        ..of(
            "listing_max_age",
            ValueType::Integer,
            "For how many seconds a listing of the drive serves without asking what changed; at \
             most 86400. REFRESH DATABASE asks whatever it is.",
        )
    },
    ParameterDoc {
        default: Some("true"),
        ..of(
            "follow_shortcuts",
            ValueType::Boolean,
            "Reads what shortcuts in the drive lead to, under the shortcut's path. Never where an \
             application signs in by itself, nor of selected_items.",
        )
    },
];
