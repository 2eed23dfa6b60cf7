//! The deployment of the compose file, out of local processes.

use std::process::Command;

use crate::support::postgres;

#[tokio::test(flavor = "multi_thread")]
async fn compose_deployment_works_and_survives_the_loss_of_an_instance() {
    let Some(url) = postgres::database("topology").await else { return };
    for program in ["redis-server", "nginx"] {
        let found = ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"]
            .iter()
            .any(|folder| std::path::Path::new(folder).join(program).exists());
        if !found {
            crate::support::skip(&format!("{program} is not installed"));
            return;
        }
    }
    let root = env!("CARGO_MANIFEST_DIR");
    let tried = Command::new(format!("{root}/deploy/try"))
        .arg(env!("CARGO_BIN_EXE_signet"))
        .env("DATABASE_URL", url)
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&tried.stdout), String::from_utf8_lossy(&tried.stderr));
    assert!(tried.status.success() && out.contains("the deployment works"), "{out}{err}");
}

#[test]
fn compose_file_names_what_the_balancer_and_the_dockerfile_need() {
    let read =
        |path: &str| std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let (compose, nginx) = (read("docker-compose.yml"), read("deploy/nginx.conf"));
    for upstream in nginx.lines().filter_map(|line| line.trim().strip_prefix("server ")) {
        let Some((host, _)) = upstream.split_once(":8080") else { continue };
        assert!(compose.contains(&format!("\n  {host}:\n")), "{host}");
    }
    // What the image is built from is let through to the build.
    let ignored = read(".dockerignore");
    for line in read("Dockerfile").lines().filter_map(|line| line.strip_prefix("COPY ")) {
        for source in
            line.split(' ').rev().skip(1).filter(|word| !word.starts_with("--") && !word.starts_with('/'))
        {
            assert!(ignored.lines().any(|line| line == format!("!{source}")), "{source}");
        }
    }
    for secret in ["BETTER_AUTH_SECRET", "SIGNET_MASTER_KEY", "POSTGRES_PASSWORD", "REDIS_PASSWORD"] {
        assert!(compose.contains(&format!("${{{secret}:?set it}}")), "{secret} has no default");
    }
}
