//! The test kit's nats-server keeps its streams when it is killed and restarted.

use rekindle_test_kit::nats_server::NatsServer;

#[tokio::test]
async fn the_server_keeps_its_streams_through_a_kill() {
    let mut server = NatsServer::start();
    let client = async_nats::connect(server.url()).await.expect("it accepts");
    let context = async_nats::jetstream::new(client);
    let config =
        async_nats::jetstream::stream::Config { name: "S".into(), subjects: vec!["s".into()], ..Default::default() };
    context.create_stream(config).await.expect("a stream");
    context.publish("s", "x".into()).await.expect("sent").await.expect("acknowledged");
    server.kill();
    server.start_again();
    let client = async_nats::connect(server.url()).await.expect("it accepts again");
    let mut stream = async_nats::jetstream::new(client).get_stream("S").await.expect("the stream");
    assert_eq!(stream.info().await.expect("its state").state.messages, 1);
}
