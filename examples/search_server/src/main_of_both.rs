//! What both programs do: serve, on the address of the first argument, what this project's documents say.

use std::env;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use search_server::{SearchServer, serve};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::signal;

/// The cache may own so many bytes; without that, nobody watches.
pub fn main(cache_bytes: Option<u64>) -> anyhow::Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7878".into());
    let server = Arc::new(SearchServer::new(cache_bytes)?);
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    // All at once: what is added in parts is merged at some later time, and is searched more slowly until then.
    let mut lines = String::new();
    for entry in fs::read_dir(docs)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "md") {
            lines += &fs::read_to_string(path)?;
        }
    }
    server.engine().add(&lines)?;
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
