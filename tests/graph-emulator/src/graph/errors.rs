//! Errors of Graph: status, code and text; the envelope is made in `reply`. (6)

use http::StatusCode;

use crate::profile::Profile;

/// An error as a client sees it.
#[derive(Debug)]
pub(super) struct GraphError {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl GraphError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    pub(super) fn unauthenticated(message: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken", message)
    }

    /// A scope of the drive is missing.
    pub(super) fn access_denied() -> Self {
        let message = "The caller does not have permission to perform the action.";
        Self::new(StatusCode::FORBIDDEN, "accessDenied", message)
    }

    /// A scope of the directory is missing.
    pub(super) fn request_denied() -> Self {
        let message = "Insufficient privileges to complete the operation.";
        Self::new(StatusCode::FORBIDDEN, "Authorization_RequestDenied", message)
    }

    pub(super) fn item_not_found(profile: Profile) -> Self {
        let message = match profile {
            Profile::Business => "The resource could not be found.",
            Profile::Personal => "Item does not exist",
        };
        Self::new(StatusCode::NOT_FOUND, "itemNotFound", message)
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

    pub(super) fn general_exception() -> Self {
        let message = "General exception while processing";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "generalException", message)
    }
}
