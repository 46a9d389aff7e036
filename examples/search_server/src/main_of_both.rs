//! What both programs do: serve, on the address of the first argument, what this project's documents say.

use std::env;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use search_server::{SearchServer, serve};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::signal;

/// What the cache of results may own.
const CACHE_BYTES: u64 = 1 << 20;

pub fn main() -> anyhow::Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7878".into());
    let server = Arc::new(SearchServer::new(CACHE_BYTES)?);
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    for entry in fs::read_dir(docs)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "md") {
            server.engine().add(&fs::read_to_string(path)?)?;
        }
    }
    Runtime::new()?.block_on(async {
        let listener = TcpListener::bind(address).await?;
        println!("listening on http://{}", listener.local_addr()?);
        serve(listener, server, interrupted()).await?;
        anyhow::Ok(())
    })
}

/// Ready when somebody presses Ctrl-C, or asks the process to end.
async fn interrupted() {
    let mut ends = signal::unix::signal(signal::unix::SignalKind::terminate()).expect("signals can be listened to");
    tokio::select! {
        _ = signal::ctrl_c() => {}
        _ = ends.recv() => {}
    }
}
