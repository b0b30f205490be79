//! Errors of Graph: status, code and text; the envelope is made in `reply`. (6)

use http::StatusCode;

use crate::drive::EditError;

/// An error as a client sees it.
#[derive(Debug)]
pub(super) struct GraphError {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: String,
    /// The code inside, where the service is known to give one. (6.4)
    pub(super) inner: Option<&'static str>,
    /// Where a 410 leads. (3.3)
    pub(super) location: Option<String>,
    /// The claims that a challenge asks for. (7.7)
    pub(super) claims: Option<String>,
}

impl GraphError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { status, code, message, inner: None, location: None, claims: None }
    }

    pub(super) fn unauthenticated(message: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken", message)
    }

    /// The token is no longer good enough: the client is to sign in again with these claims. (7.7)
    pub(super) fn challenge(claims: String) -> Self {
        let message = "Continuous access evaluation resulted in challenge with result: \
                       InteractionRequired and code: TokenCreatedWithOutdatedPolicies";
        Self { claims: Some(claims), ..Self::unauthenticated(message) }
    }

    /// A scope of the drive is missing.
    pub(super) fn access_denied() -> Self {
        let message = "The caller does not have permission to perform the action.";
        Self::new(StatusCode::FORBIDDEN, "accessDenied", message)
    }

    /// A token of an application without any role. (6.5)
    pub(super) fn no_roles() -> Self {
        let message = "Either scp or roles claim need to be present in the token.";
        Self::new(StatusCode::FORBIDDEN, "AccessDenied", message)
    }

    /// A scope of the directory is missing.
    pub(super) fn request_denied() -> Self {
        let message = "Insufficient privileges to complete the operation.";
        Self::new(StatusCode::FORBIDDEN, "Authorization_RequestDenied", message)
    }

    /// `/me` with a token of an application. (8)
    pub(super) fn not_delegated() -> Self {
        Self::bad_request("/me request is only valid with delegated authentication flow.")
    }

    pub(super) fn item_not_found(is_personal: bool) -> Self {
        let message =
            if is_personal { "Item does not exist" } else { "The resource could not be found." };
        Self::new(StatusCode::NOT_FOUND, "itemNotFound", message)
    }

    /// An object of the directory.
    pub(super) fn resource_not_found(name: &str) -> Self {
        let name = super::segment::brief(name);
        let message = format!(
            "Resource '{name}' does not exist or one of its queried reference-property objects \
             are not present."
        );
        Self::new(StatusCode::NOT_FOUND, "Request_ResourceNotFound", message)
    }

    /// A person without a drive. (6.5)
    pub(super) fn no_drive() -> Self {
        Self::new(StatusCode::NOT_FOUND, "ResourceNotFound", "User's mysite not found.")
    }

    pub(super) fn bad_drive_id() -> Self {
        Self::invalid_request(
            "The provided drive id appears to be malformed, or does not represent a valid drive.",
        )
    }

    pub(super) fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalidRequest", message)
    }

    /// A path that the drive does not understand.
    pub(super) fn invalid_api() -> Self {
        Self::invalid_request("Invalid API or resource")
    }

    /// A request that the gateway does not understand.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    pub(super) fn unknown_segment(segment: &str) -> Self {
        Self::bad_request(format!("Resource not found for the segment '{segment}'."))
    }

    pub(super) fn method_not_allowed() -> Self {
        let message = "The HTTP method is not allowed for this resource.";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "notAllowed", message)
    }

    /// A conversion that does not exist. (2, unconfirmed)
    pub(super) fn not_acceptable() -> Self {
        let message = "The requested format is not supported for this item.";
        Self::new(StatusCode::NOT_ACCEPTABLE, "notSupported", message)
    }

    /// Something the service does and the emulator does not: never answered wrongly.
    pub(super) fn not_emulated(what: &str) -> Self {
        let message = format!("The emulator does not support {what}.");
        Self::new(StatusCode::NOT_IMPLEMENTED, "notSupported", message)
    }

    /// Delta of a folder on business. (3.1)
    pub(super) fn delta_needs_root() -> Self {
        let message = "view.delta can only be called on the root.";
        Self::new(StatusCode::NOT_IMPLEMENTED, "notSupported", message)
    }

    /// A delta token that is none of this drive's. (3.3)
    pub(super) fn malformed_token() -> Self {
        Self::invalid_request("Provided sync token is malformed")
    }

    /// A delta token that has died. (3.3)
    pub(super) fn resync(
        code: &'static str,
        inner: Option<&'static str>,
        location: String,
    ) -> Self {
        let message = "Resync required. Replace any local items with the server's version \
                       (including deletes) if you're sure that the service was up to date with \
                       your local changes when you last sync'd. Upload any local changes that the \
                       server doesn't know about.";
        Self { inner, location: Some(location), ..Self::new(StatusCode::GONE, code, message) }
    }

    pub(super) fn malware() -> Self {
        let message = "The file contains malware and cannot be downloaded.";
        Self::new(StatusCode::FORBIDDEN, "malwareDetected", message)
    }

    pub(super) fn precondition_failed() -> Self {
        let message = "ETag does not match current item's value";
        Self::new(StatusCode::PRECONDITION_FAILED, "resourceModified", message)
    }

    pub(super) fn too_large() -> Self {
        let message = "The file is too large for this kind of upload: use an upload session.";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "maxFileSizeExceeded", message)
    }

    pub(super) fn quota_reached() -> Self {
        let message = "The user has reached their quota limit.";
        Self::new(StatusCode::INSUFFICIENT_STORAGE, "quotaLimitReached", message)
    }

    pub(super) fn general_exception() -> Self {
        let message = "General exception while processing";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "generalException", message)
    }

    /// Why a change of a drive was refused. (9, 11.6)
    pub(super) fn edit(error: EditError, is_personal: bool) -> Self {
        match error {
            EditError::NotFound => Self::item_not_found(is_personal),
            EditError::NameTaken => {
                let message = "An item with the same name already exists under the parent";
                Self::new(StatusCode::CONFLICT, "nameAlreadyExists", message)
            }
            EditError::BadName => {
                Self::invalid_request("The provided name cannot contain those characters")
            }
            EditError::NotAFolder | EditError::IntoItself | EditError::Root => {
                Self::invalid_request("The request is not valid for this item")
            }
            EditError::Locked => {
                let message = "The resource you are attempting to access is locked";
                Self::new(StatusCode::LOCKED, "resourceLocked", message)
            }
        }
    }
}
