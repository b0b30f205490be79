//! The AADSTS table: what comes with each number of a refusal. (7.5)

/// One row: how a refusal with this number is told.
pub(super) struct Row {
    pub(super) code: u32,
    pub(super) status: u16,
    pub(super) error: &'static str,
    pub(super) suberror: Option<&'static str>,
    /// Whether a claims challenge comes with it, to be sent back in the next sign-in.
    pub(super) claims: bool,
    pub(super) at_authorize: AtAuthorize,
    /// `{}` stands for what the refusal is about.
    pub(super) text: &'static str,
}

/// What the authorize endpoint does with a refusal. (7.2)
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum AtAuthorize {
    /// Sends it to the client, under this name.
    Redirect(&'static str),
    /// Shows it to the person.
    Page,
    /// It is about tokens and cannot happen there.
    Never,
}

/// What a scripted number that is not in the table is told as.
static UNLISTED: Row = row(0, "invalid_grant", "The request was refused.");

/// The row of a number.
pub(super) fn find(code: u32) -> &'static Row {
    TABLE.iter().find(|row| row.code == code).unwrap_or(&UNLISTED)
}

const fn row(code: u32, error: &'static str, text: &'static str) -> Row {
    Row {
        code,
        status: 400,
        error,
        suberror: None,
        claims: false,
        at_authorize: AtAuthorize::Redirect(error),
        text,
    }
}

/// About a code or a refresh token.
const fn grant(code: u32, text: &'static str) -> Row {
    row(code, "invalid_grant", text).never_at_authorize()
}

/// About a person, who can do something about it by signing in.
const fn person(code: u32, text: &'static str) -> Row {
    row(code, "invalid_grant", text).told_as("interaction_required")
}

/// About how the client proves who it is.
const fn client(code: u32, text: &'static str) -> Row {
    row(code, "invalid_client", text).status(401).never_at_authorize()
}

const fn transient(code: u32, text: &'static str) -> Row {
    row(code, "temporarily_unavailable", text).status(503)
}

impl Row {
    const fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    const fn suberror(mut self, suberror: &'static str) -> Self {
        self.suberror = Some(suberror);
        self
    }

    const fn with_claims(mut self) -> Self {
        self.claims = true;
        self
    }

    const fn told_as(mut self, error: &'static str) -> Self {
        self.at_authorize = AtAuthorize::Redirect(error);
        self
    }

    const fn on_a_page(mut self) -> Self {
        self.at_authorize = AtAuthorize::Page;
        self
    }

    const fn never_at_authorize(mut self) -> Self {
        self.at_authorize = AtAuthorize::Never;
        self
    }
}

static TABLE: [Row; 83] = [
    // Codes and refresh tokens.
    grant(70_000, "The provided value for the input parameter '{}' is not valid."),
    grant(
        70_008,
        "The provided authorization code or refresh token has expired due to inactivity. Send a \
         new interactive authorization request for this user and resource.",
    ),
    grant(
        700_082,
        "The refresh token has expired due to inactivity. The token was issued on {} and was \
         inactive for 90.00:00:00.",
    )
    .suberror("bad_token"),
    grant(
        700_084,
        "The refresh token was issued to a single page app (SPA), and therefore has a fixed, \
         limited lifetime of 1.00:00:00, which cannot be extended. It is now expired and a new \
         sign in request must be sent by the SPA to the sign in page.",
    )
    .suberror("bad_token"),
    grant(
        70_043,
        "The refresh token has expired or is invalid due to sign-in frequency checks by \
         conditional access.",
    )
    .suberror("token_expired"),
    grant(
        50_173,
        "The provided grant has expired due to it being revoked, a fresh auth token is needed. The \
         user might have changed or reset their password. The grant was issued on '{}' and the \
         TokensValidFrom date (before which tokens are not valid) for this user is '{}'.",
    )
    .suberror("bad_token"),
    grant(
        54_005,
        "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use \
         an existing refresh token.",
    ),
    grant(
        501_481,
        "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
    ),
    grant(
        50_148,
        "The code_verifier does not match the code_challenge supplied in the authorization request \
         for PKCE.",
    ),
    grant(
        700_005,
        "Provided Authorization Code is intended to use against other tenant, thus rejected.",
    ),
    client(
        500_112,
        "The reply address '{}' does not match the reply address '{}' provided when requesting \
         Authorization code.",
    )
    .status(400),
    // Consent.
    row(
        65_001,
        "invalid_grant",
        "The user or administrator has not consented to use the application with ID '{}' named \
         '{}'. Send an interactive authorization request for this user and resource.",
    )
    .suberror("consent_required")
    .told_as("consent_required"),
    row(65_004, "access_denied", "User declined to consent to access the app."),
    row(
        90_094,
        "consent_required",
        "An administrator of the directory has to grant the permissions that the application needs.",
    ),
    row(
        90_093,
        "consent_required",
        "The application asks for permissions that the user is not allowed to grant.",
    ),
    // Conditional access and strong authentication.
    person(
        50_076,
        "Due to a configuration change made by your administrator, or because you moved to a new \
         location, you must use multi-factor authentication to access \
         '00000003-0000-0000-c000-000000000000'.",
    )
    .suberror("basic_action")
    .with_claims(),
    person(
        50_079,
        "Due to a configuration change made by your administrator, or because you moved to a new \
         location, you must enroll in multi-factor authentication to access \
         '00000003-0000-0000-c000-000000000000'.",
    )
    .suberror("basic_action")
    .with_claims(),
    person(
        50_078,
        "Presented multi-factor authentication has expired due to policies configured by your \
         administrator, you must refresh your multi-factor authentication to access \
         '00000003-0000-0000-c000-000000000000'.",
    )
    .suberror("basic_action")
    .with_claims(),
    person(
        50_074,
        "Strong Authentication is required and the user did not pass the MFA challenge.",
    )
    .suberror("basic_action")
    .with_claims(),
    person(
        53_003,
        "Access has been blocked by Conditional Access policies. The access policy does not allow \
         token issuance.",
    )
    .suberror("message_only")
    .with_claims(),
    person(
        53_000,
        "Device is not in required device state: {}. Conditional Access policy requires a \
         compliant device, and the device is not compliant.",
    )
    .with_claims(),
    person(
        53_001,
        "Device is not in required device state: {}. Conditional Access policy requires a domain \
         joined device, and the device is not domain joined.",
    )
    .with_claims(),
    person(530_003, "Your device is required to be managed to access this resource.")
        .with_claims(),
    // People.
    row(
        50_020,
        "invalid_grant",
        "User account '{}' from identity provider '{}' does not exist in tenant '{}' and cannot \
         access the application '{}' in that tenant. The account needs to be added as an external \
         user in the tenant first. Sign out and sign in again with a different account.",
    )
    .on_a_page(),
    row(
        50_034,
        "invalid_grant",
        "The user account {} does not exist in the directory. To sign into this application, the \
         account must be added to the directory.",
    )
    .on_a_page(),
    row(
        50_053,
        "invalid_grant",
        "The account is locked, you've tried to sign in too many times with an incorrect user ID \
         or password.",
    )
    .on_a_page(),
    row(50_055, "invalid_grant", "The password is expired.")
        .suberror("user_password_expired")
        .on_a_page(),
    row(50_057, "invalid_grant", "The user account is disabled.").on_a_page(),
    row(50_126, "invalid_grant", "Error validating credentials due to invalid username or password.")
        .on_a_page(),
    row(
        50_058,
        "login_required",
        "A silent sign-in request was sent but no user is signed in.",
    ),
    // How clients prove who they are.
    client(
        7_000_215,
        "Invalid client secret provided. Ensure the secret being sent in the request is the client \
         secret value, not the client secret ID, for a secret added to app '{}'.",
    ),
    client(
        7_000_222,
        "The provided client secret keys for app '{}' are expired. Visit the Azure portal to \
         create new keys for your app, or consider using certificate credentials for added \
         security.",
    ),
    client(
        7_000_218,
        "The request body must contain the following parameter: 'client_assertion' or \
         'client_secret'.",
    ),
    client(
        700_025,
        "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
    ),
    client(
        700_027,
        "The certificate with identifier used to sign the client assertion is not registered on \
         application, or the signature of the client assertion is not valid.",
    ),
    client(
        700_021,
        "Client assertion application identifier doesn't match 'client_id' parameter.",
    ),
    client(700_023, "Client assertion audience claim does not match Realm issuer."),
    client(700_024, "Client assertion is not within its valid time range."),
    client(50_027, "JWT token is invalid or malformed."),
    client(70_002, "Error validating credentials."),
    // Applications.
    row(
        700_016,
        "unauthorized_client",
        "Application with identifier '{}' was not found in the directory '{}'. This can happen if \
         the application has not been installed by the administrator of the tenant or consented to \
         by any user in the tenant. You may have sent your authentication request to the wrong \
         tenant.",
    )
    .on_a_page(),
    row(70_001, "unauthorized_client", "The application '{}' is disabled.").on_a_page(),
    row(
        50_194,
        "invalid_request",
        "Application '{}' is not configured as a multi-tenant application. Usage of the /common \
         endpoint is not supported for such apps created after '10/15/2018'. Use a tenant-specific \
         endpoint or configure the application to be multi-tenant.",
    )
    .on_a_page(),
    row(
        9_002_331,
        "invalid_request",
        "Application '{}' is configured for use by Microsoft Account users only. Please use the \
         /consumers endpoint to serve this request.",
    )
    .on_a_page(),
    row(
        50_011,
        "invalid_request",
        "The redirect URI '{}' specified in the request does not match the redirect URIs \
         configured for the application '{}'. Make sure the redirect URI sent in the request \
         matches one added to your application in the Azure portal.",
    )
    .on_a_page(),
    row(500_113, "invalid_request", "No reply address is registered for the application.")
        .on_a_page(),
    row(900_971, "invalid_request", "No reply address provided.").on_a_page(),
    row(
        9_002_325,
        "invalid_request",
        "Proof Key for Code Exchange is required for cross-origin authorization code redemption.",
    ),
    row(
        9_002_326,
        "invalid_request",
        "Cross-origin token redemption is permitted only for the 'Single-Page Application' \
         client-type. Request origin: '{}'.",
    ),
    row(
        9_002_327,
        "invalid_request",
        "Tokens issued for the 'Single-Page Application' client-type may only be redeemed via \
         cross-origin requests.",
    ),
    // Tenants.
    row(
        90_002,
        "invalid_request",
        "Tenant '{}' not found. Check to make sure you have the correct tenant ID and are signing \
         into the correct cloud. Check with your subscription administrator, this may happen if \
         there are no active subscriptions for the tenant.",
    )
    .on_a_page(),
    row(
        900_023,
        "invalid_request",
        "Specified tenant identifier '{}' is neither a valid DNS name, nor a valid external domain.",
    )
    .on_a_page(),
    row(
        900_021,
        "invalid_request",
        "Requested tenant identifier '00000000-0000-0000-0000-000000000000' is not valid.",
    )
    .on_a_page(),
    row(
        9_001_023,
        "invalid_request",
        "The grant type is not supported over the /common or /consumers endpoints. Please use the \
         /organizations or tenant-specific endpoint.",
    ),
    row(
        50_059,
        "invalid_request",
        "No tenant-identifying information found in either the request or implied by any provided \
         credentials.",
    ),
    row(50_049, "invalid_instance", "Unknown or invalid instance."),
    // The form of requests.
    row(900_561, "invalid_request", "The endpoint only accepts POST requests. Received a {} request."),
    row(
        900_144,
        "invalid_request",
        "The request body must contain the following parameter: '{}'.",
    ),
    row(9_002_313, "invalid_request", "Invalid request. Request is malformed or invalid."),
    row(70_003, "unsupported_grant_type", "The app requested an unsupported grant type '{}'."),
    row(
        700_051,
        "unsupported_response_type",
        "response_type 'token' is not enabled for the application.",
    ),
    row(
        700_054,
        "unsupported_response_type",
        "response_type 'id_token' is not enabled for the application.",
    ),
    row(
        70_005,
        "unsupported_response_type",
        "The provided value for the input parameter 'response_type' is not valid: '{}'.",
    ),
    row(
        70_007,
        "invalid_request",
        "'{}' is not a supported value for 'response_mode' when requesting a code.",
    ),
    row(90_023, "invalid_request", "'{}' is not a supported value for 'prompt'."),
    row(50_147, "invalid_request", "The size of the code challenge parameter is not valid."),
    row(50_149, "invalid_request", "Invalid code challenge method: '{}'."),
    row(
        501_491,
        "invalid_request",
        "The code_challenge must have 43 to 128 characters of [A-Za-z0-9-._~].",
    ),
    // Scopes.
    row(
        70_011,
        "invalid_scope",
        "The provided request must include a 'scope' input parameter. The provided value for the \
         input parameter 'scope' is not valid. The scope '{}' is not valid.",
    ),
    row(
        28_000,
        "invalid_request",
        "Provided value for the input parameter scope is not valid because it contains more than \
         one resource. Scope {} is not valid.",
    ),
    row(
        28_002,
        "invalid_scope",
        "Provided value for the input parameter scope '{}' is not valid when requesting an access \
         token. Please specify a valid scope.",
    ),
    row(
        28_003,
        "invalid_request",
        "Provided value for the input parameter scope cannot be empty when requesting an access \
         token using the provided authorization code. Please specify a valid scope.",
    ),
    row(
        1_002_012,
        "invalid_scope",
        "The provided value for scope {} is not valid. Client credential flows must have a scope \
         value with /.default suffixed to the resource identifier (application ID URI).",
    ),
    row(
        500_011,
        "invalid_resource",
        "The resource principal named {} was not found in the tenant. This can happen if the \
         application has not been installed by the administrator of the tenant or consented to by \
         any user in the tenant.",
    ),
    row(50_001, "invalid_resource", "The resource named {} was not found in the tenant."),
    // Device codes.
    row(
        70_016,
        "authorization_pending",
        "OAuth 2.0 device flow error. Authorization is pending. Continue polling.",
    )
    .never_at_authorize(),
    row(
        70_018,
        "bad_verification_code",
        "The provided value for the input parameter 'device_code' is not valid.",
    )
    .never_at_authorize(),
    row(
        70_020,
        "expired_token",
        "The provided value for the input parameter 'device_code' is not valid. This device code \
         has expired.",
    )
    .never_at_authorize(),
    // Trouble of the service.
    grant(
        50_196,
        "The server terminated an operation because it encountered a client request loop. Please \
         contact your app vendor.",
    ),
    transient(90_033, "A transient error has occurred. Please try again."),
    transient(90_006, "The service is temporarily unavailable. Please retry later."),
    transient(90_015, "Requests queue is too long."),
    transient(90_055, "The tenant is being throttled because of too many incoming requests.")
        .status(429),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Section 7.5: 400 for all, except 401 for `invalid_client`; 429 and 5xx for service trouble.
    #[test]
    fn the_status_follows_the_error() {
        for row in TABLE.iter().filter(|row| row.code != 500_112) {
            let expected: &[u16] = match row.error {
                "invalid_client" => &[401],
                "temporarily_unavailable" => &[429, 503],
                _ => &[400],
            };
            assert!(expected.contains(&row.status), "{}", row.code);
        }
    }

    #[test]
    fn each_number_has_one_row() {
        for row in &TABLE {
            let same = TABLE.iter().filter(|other| other.code == row.code).count();
            assert_eq!(same, 1, "{}", row.code);
        }
    }

    /// Section 7.5.
    #[test]
    fn claims_and_suberrors_come_with_conditional_access() {
        for (code, suberror) in
            [(53_003, "message_only"), (50_076, "basic_action"), (50_079, "basic_action")]
        {
            let row = find(code);
            assert_eq!((row.suberror, row.claims), (Some(suberror), true), "{code}");
        }
        assert!(find(53_000).claims && !find(70_008).claims);
    }
}
