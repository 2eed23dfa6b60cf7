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
    for secret in [
        "BETTER_AUTH_SECRET",
        "SIGNET_MASTER_KEY",
        "POSTGRES_PASSWORD",
        "IDENTITY_DB_PASSWORD",
        "RESOURCE_DB_PASSWORD",
        "REDIS_PASSWORD",
    ] {
        assert!(compose.contains(&format!("${{{secret}:?set it}}")), "{secret} has no default");
    }
}

#[test]
fn compose_file_confines_every_container_and_gives_each_role_its_own_database_user() {
    let compose =
        std::fs::read_to_string(format!("{}/docker-compose.yml", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let (shared, services) = compose.split_once("\nservices:\n").unwrap();
    for rule in ["cap_drop: [ALL]", "no-new-privileges:true", "read_only: true"] {
        assert!(shared.split("x-signet:").next().unwrap().contains(rule), "{rule} is of `x-confined`");
    }
    assert!(shared.contains("x-signet: &signet\n  <<: *confined"), "and so of `x-signet`");
    let services = services.split("\nvolumes:\n").next().unwrap();
    let is_name = |line: &&str| line.starts_with("  ") && !line.starts_with("   ") && line.ends_with(':');
    let names: Vec<&str> = services.lines().filter(is_name).collect();
    assert!(names.len() >= 8, "{names:?}");
    for name in names {
        let block = format!("\n{services}");
        let block = block.split_once(&format!("\n{name}\n")).unwrap().1;
        let first = block.lines().next().unwrap();
        assert!(["    <<: *confined", "    <<: *signet"].contains(&first), "{name} {first}");
    }
    // Who owns the schema serves nobody.
    assert_eq!(compose.matches("postgres://signet:").count(), 1);
    for role in ["signet_identity", "signet_resource"] {
        assert_eq!(compose.matches(&format!("postgres://{role}:")).count(), 1, "{role}");
    }
}
