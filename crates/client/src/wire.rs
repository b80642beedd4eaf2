//! Bytes to the endpoint and back.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Body;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;

use crate::failure::ClientError;

/// A reply as it came.
#[derive(Debug, Clone)]
pub(crate) struct WireAnswer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Bytes,
}

/// HTTP/1.1, with TLS where the address says so; connections are kept and used again.
#[derive(Debug)]
pub(crate) struct Wire {
    http: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    uri: Uri,
    authorization: Option<HeaderValue>,
}

/// What one request may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WireLimits {
    /// Until the whole reply is there; of a stream, until the next piece.
    pub(crate) wait: Duration,
    pub(crate) body: usize,
}

impl Wire {
    pub(crate) fn new(
        endpoint: &str,
        key: Option<&str>,
        connect: Duration,
    ) -> Result<Self, ClientError> {
        let bad = || ClientError::BadEndpoint(endpoint.to_string());
        let url = format!("{}/chat/completions", endpoint.trim_end_matches('/'));
        let uri: Uri = url.parse().map_err(|_| bad())?;
        if uri.host().is_none() || !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(bad());
        }
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(connect));
        let connector = HttpsConnectorBuilder::new()
            .with_webpki_roots()
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let http = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            // Shorter than servers keep a connection (uvicorn: 5 s), so that few are found closed.
            .pool_idle_timeout(Duration::from_secs(4))
            .build(connector);
        let authorization = key
            .map(|key| HeaderValue::from_str(&format!("Bearer {key}")))
            .transpose()
            .map_err(|_| ClientError::BadEndpoint("the key holds control characters".into()))?
            .map(|mut value| {
                value.set_sensitive(true);
                value
            });
        Ok(Self {
            http,
            uri,
            authorization,
        })
    }

    pub(crate) async fn post(
        &self,
        body: Bytes,
        streamed: bool,
        limits: WireLimits,
    ) -> Result<WireAnswer, ClientError> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(self.uri.clone())
            .header(CONTENT_TYPE, "application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        let request = request
            .body(Full::new(body))
            .map_err(|error| ClientError::Transport(error.to_string()))?;
        let head = async {
            let response = self.http.request(request).await;
            Ok::<_, ClientError>(
                response
                    .map_err(|error| ClientError::Transport(chain(&error)))?
                    .into_parts(),
            )
        };
        let late = |_| ClientError::Timeout(limits.wait);
        // A stream is waited for piece by piece, anything else as a whole.
        let (head, body) = if streamed {
            let (head, body) = timeout(limits.wait, head).await.map_err(late)??;
            (head, whole(body, Some(limits.wait), limits.body).await?)
        } else {
            let reply = async {
                let (head, body) = head.await?;
                Ok::<_, ClientError>((head, whole(body, None, limits.body).await?))
            };
            timeout(limits.wait, reply).await.map_err(late)??
        };
        Ok(WireAnswer {
            status: head.status.as_u16(),
            retry_after: retry_after(&head.headers),
            body,
        })
    }
}

async fn whole<B>(
    mut body: B,
    patience: Option<Duration>,
    most: usize,
) -> Result<Bytes, ClientError>
where
    B: Body<Data = Bytes, Error = hyper::Error> + Unpin,
{
    let too_long = || ClientError::Malformed(format!("it is longer than {most} bytes"));
    let (mut first, mut rest): (Option<Bytes>, Vec<u8>) = (None, Vec::new());
    loop {
        let next = match patience {
            Some(patience) => timeout(patience, body.frame())
                .await
                .map_err(|_| ClientError::Timeout(patience))?,
            None => body.frame().await,
        };
        let Some(frame) = next else { break };
        let frame = frame.map_err(|error| ClientError::Transport(chain(&error)))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let held = first.as_ref().map_or(0, Bytes::len).max(rest.len());
        if held + data.len() > most {
            return Err(too_long());
        }
        match (&first, rest.is_empty()) {
            (None, true) => first = Some(data),
            (Some(begun), true) => {
                rest.reserve(begun.len() + data.len());
                rest.extend_from_slice(begun);
                rest.extend_from_slice(&data);
            }
            (_, false) => rest.extend_from_slice(&data),
        }
    }
    Ok(if rest.is_empty() {
        first.unwrap_or_default()
    } else {
        Bytes::from(rest)
    })
}

/// Seconds, or a date: that counts from the reply's own `Date`, since no clock is read here.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name)?.to_str().ok();
    let asked = text(RETRY_AFTER)?.trim();
    if let Ok(seconds) = asked.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let until = httpdate::parse_http_date(asked).ok()?;
    let sent = httpdate::parse_http_date(text(DATE)?).ok()?;
    until.duration_since(sent).ok()
}

/// An error with its causes: hyper tells what happened only in the innermost.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let of = |pairs: &[(_, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(name, HeaderValue::from_static(value));
            }
            retry_after(&headers)
        };
        let seconds = |count| Some(Duration::from_secs(count));
        assert_eq!(of(&[(RETRY_AFTER, "7")]), seconds(7));
        assert_eq!(
            of(&[
                (RETRY_AFTER, "Wed, 21 Oct 2026 07:28:30 GMT"),
                (DATE, "Wed, 21 Oct 2026 07:28:00 GMT")
            ]),
            seconds(30)
        );
        assert_eq!(of(&[(RETRY_AFTER, "soon")]), None);
        assert_eq!(of(&[(RETRY_AFTER, "-1")]), None);
    }
}
