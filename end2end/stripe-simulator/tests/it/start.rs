//! What a simulator refuses to be started with.
use stripe_simulator::{Config, Endpoint, Simulator, StartError};

async fn refused(config: Config) -> StartError {
    Simulator::start(config).await.err().expect("it must not start")
}

#[tokio::test]
async fn only_this_machine_is_served() {
    for addr in ["0.0.0.0:0", "192.168.1.7:0", "[::]:0"] {
        let error = refused(Config { addr: addr.into(), ..Config::default() }).await;
        assert!(matches!(error, StartError::NotLoopback(_)), "{addr}: {error}");
    }
    let error = refused(Config { addr: "nonsense".into(), ..Config::default() }).await;
    assert!(matches!(error, StartError::BadAddress(_)), "{error}");
}

#[tokio::test]
async fn webhooks_stay_on_this_machine() {
    for url in
        ["https://127.0.0.1/hook", "http://example.com/hook", "http://10.0.0.1/hook", "nonsense"]
    {
        let webhooks = vec![Endpoint { url: url.into(), secret: "whsec_x".into() }];
        let error = refused(Config { webhooks, ..Config::default() }).await;
        assert!(matches!(error, StartError::BadWebhook(_)), "{url}: {error}");
    }
}

#[tokio::test]
async fn a_live_key_stops_the_start_and_is_not_repeated() {
    for key in ["sk_live_secret", "rk_live_secret"] {
        let error = refused(Config { secret_key: Some(key.into()), ..Config::default() }).await;
        assert!(matches!(error, StartError::LiveKey));
        assert!(!error.to_string().contains("secret"));
    }
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let first = Simulator::start(Config::default()).await.expect("a port is free");
    let error = refused(Config { addr: first.addr().to_string(), ..Config::default() }).await;
    assert!(matches!(error, StartError::Taken(addr) if addr == first.addr()));
    assert!(error.to_string().contains(&first.addr().to_string()));
}

#[tokio::test]
async fn a_dropped_simulator_no_longer_listens() {
    let simulator = Simulator::start(Config::default()).await.expect("a port is free");
    let addr = simulator.addr();
    drop(simulator);
    // The listening task is aborted; the runtime ends it at its next turn.
    for _ in 0..100 {
        if tokio::net::TcpStream::connect(addr).await.is_err() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("{addr} still takes connections");
}
