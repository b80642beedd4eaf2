//! Connections: taken up, bounded in number and in patience, and seen off at the end.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::server::Server;

/// Connections at one time. More wait in the system's queue.
const MAX_CONNECTIONS: usize = 30_000;

/// How long a connection may take for a request's head, and how long it may be idle between two.
const HEAD: Duration = Duration::from_secs(75);

/// How long one waits before the next connection is taken up after the system refused one.
const REFUSED: Duration = Duration::from_millis(50);

/// How long requests that are under way at the end may take.
const FAREWELL: Duration = Duration::from_secs(10);

/// Serves connections until `stop`; then no more are taken up, what is under way is finished, and sockets
/// are told to leave.
pub async fn listen(
    listener: TcpListener,
    routes: Router,
    server: Server,
    stop: impl Future<Output = ()>,
) {
    let mut stop = pin!(stop);
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            next = next => next,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let (routes, server) = (routes.clone(), server.clone());
                tokio::spawn(async move {
                    connection(stream, routes, &server).await;
                    drop(place);
                });
            }
            Err(error) => {
                // Too many open files, as a rule: others will close theirs.
                tracing::warn!(%error, "a connection was not taken up");
                tokio::time::sleep(REFUSED).await;
            }
        }
    }
    drop(listener);
    server.stop();
    if tokio::time::timeout(FAREWELL, server.left()).await.is_err() {
        tracing::warn!("requests are still under way; leaving without them");
    }
}

async fn connection(stream: TcpStream, routes: Router, server: &Server) {
    // Small frames back and forth: each waits for its answer.
    let _ = stream.set_nodelay(true);
    let mut stopping = server.stopping();
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes))
        .with_upgrades();
    let mut served = pin!(served);
    tokio::select! {
        // A client that went away is no event.
        _ = &mut served => return,
        _ = stopping.wait_for(|stop| *stop) => {}
    }
    served.as_mut().graceful_shutdown();
    let _ = served.await;
}
