//! Microsoft Graph, read only: who may see the bearer, which links are
//! followed, and what answers mean.
//!
//! The types carry the rules: a [`GraphUrl`] always gets the bearer and always
//! points to the Graph host; a [`NextLink`] is only made from a link to that
//! host; a [`PreauthenticatedUrl`] never gets a bearer.

mod answer;
mod item;
mod links;

use std::rc::Rc;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, HeaderName, LOCATION, RANGE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::de::DeserializeOwned;

pub(crate) use self::answer::GraphFailure;
pub(crate) use self::item::{Drive, DriveItem, ItemPage, Me, canonical_drive};
pub(crate) use self::links::{DeltaLink, GraphUrl, NextLink, PreauthenticatedUrl};
use crate::cloud::Cloud;
use crate::credential::BearerSource;
use crate::error::{Error, ErrorKind, Result};
use crate::ports::Response;
use crate::secret::Secret;
use crate::sender::{BodyError, Deadline, Sender, Template};

/// The largest JSON answer that is taken: a page of 999 items is about 2 MB.
const JSON_LIMIT: usize = 16 << 20;

const PREFER: HeaderName = HeaderName::from_static("prefer");
/// Lists and feeds show shortcuts only to those who ask for them, since 2025-03. Source: seen in
/// public sync clients.
const SHORTCUTS: &str = "Include-Feature=AddToOneDrive";

/// What a feed answers.
pub(crate) enum Feed {
    Page(ItemPage),
    /// The link is too old or was made for something else: begin again from the start.
    Resync,
    /// This drive has no feed.
    NotOffered,
}

/// The client of one connection.
pub(crate) struct Graph {
    pub(crate) cloud: &'static Cloud,
    pub(crate) sender: Sender,
    pub(crate) bearer: Rc<dyn BearerSource>,
}

impl Graph {
    /// GETs JSON from Graph.
    pub(crate) async fn json<T: DeserializeOwned>(
        &self,
        url: &GraphUrl,
        deadline: Deadline,
    ) -> Result<T> {
        match self.whole(url, deadline).await? {
            (response, body) if response.status == StatusCode::OK => parse(&body),
            (response, body) => Err(GraphFailure::read(&response, &body).into_error()),
        }
    }

    /// GETs a page of a drive's feed.
    pub(crate) async fn feed(&self, url: &GraphUrl, deadline: Deadline) -> Result<Feed> {
        match self.whole(url, deadline).await? {
            (response, body) if response.status == StatusCode::OK => parse(&body).map(Feed::Page),
            (response, body) => GraphFailure::read(&response, &body).of_feed(),
        }
    }

    /// GETs an answer with its whole body; one that was cut is asked for again.
    async fn whole(&self, url: &GraphUrl, deadline: Deadline) -> Result<(Response, Vec<u8>)> {
        let mut cut = 0;
        loop {
            let mut response = self.authorized(url, deadline).await?;
            match self.sender.read_body(&mut response, JSON_LIMIT).await {
                Ok(body) => return Ok((response, body)),
                Err(BodyError::TooLarge) => return Err(too_large()),
                Err(BodyError::Cut(error)) if cut < 3 && error.is_transient() => cut += 1,
                Err(BodyError::Cut(error)) => {
                    return Err(Error::transport(self.cloud.graph_host, &error));
                }
            }
        }
    }

    /// Asks `/content` for the link to an item's bytes.
    pub(crate) async fn content_link(
        &self,
        url: &GraphUrl,
        deadline: Deadline,
    ) -> Result<PreauthenticatedUrl> {
        let mut response = self.authorized(url, deadline).await?;
        if response.status == StatusCode::FOUND {
            let location = response.headers.get(LOCATION).and_then(|l| l.to_str().ok());
            return PreauthenticatedUrl::parse(location.unwrap_or_default(), self.cloud);
        }
        let body = self.sender.read_body(&mut response, JSON_LIMIT).await.unwrap_or_default();
        Err(GraphFailure::read(&response, &body).into_error())
    }

    /// GETs from a download host, without a bearer.
    pub(crate) async fn download(
        &self,
        url: &PreauthenticatedUrl,
        range: Option<(u64, u64)>,
        deadline: Deadline,
    ) -> Result<Response> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some((first, last)) = range {
            let value = format!("bytes={first}-{last}");
            headers.insert(RANGE, header_value(&value)?);
        }
        self.sender.send(&Template::get(url.as_url().clone(), headers), deadline).await
    }

    /// Sends with the bearer; a 401 gets one refresh and one more try.
    async fn authorized(&self, url: &GraphUrl, deadline: Deadline) -> Result<Response> {
        let mut token = self.bearer.token(deadline).await?;
        let mut refreshed = false;
        let mut flakes = 0;
        loop {
            let template = Template::get(url.as_url().clone(), authorized_headers(&token)?);
            let mut response = self.sender.send(&template, deadline).await?;
            if response.status != StatusCode::UNAUTHORIZED {
                return Ok(response);
            }
            let body = self.sender.read_body(&mut response, JSON_LIMIT).await.unwrap_or_default();
            let failure = GraphFailure::read(&response, &body);
            if failure.is_rps_flake() && flakes < 3 {
                // Personal accounts answer so now and then though the token is good.
                flakes += 1;
                self.sender.ports().clock.sleep(std::time::Duration::from_millis(500)).await;
            } else if refreshed {
                return Err(failure.into_error());
            } else {
                refreshed = true;
                token = self.bearer.replace(&token, failure, deadline).await?;
            }
        }
    }
}

fn authorized_headers(token: &Secret) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    let mut value = header_value(&format!("Bearer {}", token.expose()))?;
    value.set_sensitive(true);
    headers.insert(AUTHORIZATION, value);
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(PREFER, HeaderValue::from_static(SHORTCUTS));
    Ok(headers)
}

fn header_value(text: &str) -> Result<HeaderValue> {
    HeaderValue::from_maybe_shared(Bytes::copy_from_slice(text.as_bytes()))
        .map_err(|_| Error::new(ErrorKind::Internal, "A header's value cannot be sent."))
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    serde_json::from_slice(body).map_err(|error| {
        // serde's text may quote the body, so only the position is told.
        let message = format!(
            "Microsoft Graph answered with JSON that cannot be understood (line {}, column {}).",
            error.line(),
            error.column()
        );
        Error::new(ErrorKind::Unavailable, message)
    })
}

fn too_large() -> Error {
    Error::new(ErrorKind::TooLarge, "Microsoft Graph's answer is larger than 16 MiB.")
}
