//! A small search server on tantivy and axum that watches its own memory: one operation for each kind of request, a
//! monitor that empties the cache of results under pressure, and its report to look at while it runs.
//!
//! | request | answer |
//! |---|---|
//! | `GET /search?q=words` | the best documents, as JSON |
//! | `POST /documents` | adds each line of the body as a document |
//! | `GET /metrics` | what each operation owns and did, for Prometheus |
//! | `GET /debug/memory` | what the monitor says |
//! | `GET /debug/heap` | the report as a page |

mod engine;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use anyhow::Context;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use heapledger::monitor::{Limit, MemoryMonitor};
use heapledger::{Track, current};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::task;

pub use engine::{Engine, Hit};

/// What the results of searches are charged to.
pub const CACHE: &str = "search/cache";

/// What Prometheus would rather have than its own text format.
const OPEN_METRICS: &str = "application/openmetrics-text";

/// The server: the engine, and who watches its memory.
pub struct SearchServer {
    engine: Engine,
    monitor: Option<MemoryMonitor>,
    relieved: Arc<AtomicU64>,
}

impl SearchServer {
    /// A server whose cache of results is emptied when it owns more than `cache_bytes`. Without that nobody watches, as
    /// in a program that has another allocator.
    pub fn new(cache_bytes: Option<u64>) -> anyhow::Result<Self> {
        let mut server = Self { engine: Engine::new()?, monitor: None, relieved: Arc::default() };
        server.monitor = cache_bytes.map(|bytes| server.watched(bytes));
        Ok(server)
    }

    fn watched(&self, cache_bytes: u64) -> MemoryMonitor {
        let monitor = MemoryMonitor::new(64);
        // The handler holds the cache weakly, so that it keeps nothing alive.
        let (cache, count) = (Arc::downgrade(self.engine.cache()), Arc::clone(&self.relieved));
        monitor.on_pressure(Limit::operation(CACHE, cache_bytes), move |pressure| {
            eprintln!("{pressure}: the cache is emptied");
            if let Some(cache) = cache.upgrade() {
                cache.clear();
            }
            count.fetch_add(1, Relaxed);
        });
        monitor
    }

    /// The engine, to fill it before the first request.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// How often the cache was emptied under pressure.
    pub fn relieved(&self) -> u64 {
        self.relieved.load(Relaxed)
    }
}

/// Serves until `shutdown` is ready, and then ends what was begun.
pub async fn serve(
    listener: TcpListener,
    server: Arc<SearchServer>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let router = Router::new()
        .route("/search", get(search))
        .route("/documents", post(add))
        .route("/metrics", get(metrics))
        .route("/debug/memory", get(memory))
        .route("/debug/heap", get(heap))
        .layer(middleware::from_fn(named))
        .with_state(server);
    axum::serve(listener, router).with_graceful_shutdown(shutdown).await
}

/// Gives each kind of request its operation: on every poll, on whatever thread.
async fn named(request: Request, next: Next) -> Response {
    let kind = match request.uri().path() {
        "/search" => "search",
        "/documents" => "add",
        "/metrics" | "/debug/memory" | "/debug/heap" => "watch",
        _ => "unknown",
    };
    next.run(request).tracked(kind).await
}

#[derive(Deserialize)]
struct Words {
    q: String,
}

async fn search(State(server): State<Arc<SearchServer>>, Query(words): Query<Words>) -> Result<Response, Failure> {
    let hits = blocking(move || server.engine.search(&words.q)).await?;
    Ok(Json(&*hits).into_response())
}

async fn add(State(server): State<Arc<SearchServer>>, lines: String) -> Result<String, Failure> {
    let added = blocking(move || server.engine.add(&lines)).await?;
    Ok(format!("{added} documents\n"))
}

/// As OpenMetrics for whoever asks for that, as Prometheus does; in Prometheus' text format for all others.
async fn metrics(headers: HeaderMap) -> Result<Response, Failure> {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|accepted| accepted.to_str().ok());
    let (kind, text) = match accepted.into_iter().any(|accepted| accepted.contains(OPEN_METRICS)) {
        true => {
            let text = blocking(|| Ok(heapledger::report().to_openmetrics())).await?;
            (format!("{OPEN_METRICS}; version=1.0.0; charset=utf-8"), text)
        }
        false => {
            let text = blocking(|| Ok(heapledger::report().to_prometheus())).await?;
            ("text/plain; version=0.0.4".into(), text)
        }
    };
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

async fn memory(State(server): State<Arc<SearchServer>>) -> Result<String, Failure> {
    let told = move || server.monitor.as_ref().map(|monitor| monitor.generate_report().to_string());
    blocking(move || told().context("nobody watches")).await
}

async fn heap() -> Result<Html<String>, Failure> {
    Ok(Html(blocking(|| Ok(heapledger::report().to_html())).await?))
}

/// Runs what takes a while on a thread for that, in the operation that is active here.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> anyhow::Result<T> + Send + 'static) -> Result<T, Failure> {
    let operation = current();
    let done = task::spawn_blocking(move || operation.run(work)).await;
    done.map_err(|panic| Failure(panic.into()))?.map_err(Failure)
}

/// A request that cannot be answered: almost always because of its query.
struct Failure(anyhow::Error);

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, format!("{:#}\n", self.0)).into_response()
    }
}
