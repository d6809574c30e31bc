//! Asks a running tradewarden whether it is ready.

use std::{path::Path, time::Duration};

use anyhow::{Result, ensure};

use crate::process::Process;

/// Waits until `/readyz` says 200: every source, actor and projection has reached the end.
pub(crate) fn wait(process: &mut Process, data: &Path, patience: Duration) -> Result<()> {
    while !is_ready(data) {
        process.ensure_alive()?;
        ensure!(process.started.elapsed() < patience, "not ready after {patience:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn is_ready(data: &Path) -> bool {
    let Ok(text) = std::fs::read(data.join("server.json")) else { return false };
    let Ok(server) = serde_json::from_slice::<serde_json::Value>(&text) else { return false };
    let Some(address) = server["address"].as_str() else { return false };
    ureq::get(format!("http://{address}/readyz")).call().is_ok()
}
