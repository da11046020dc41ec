//! The client against a service that fails first.

use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::Code;
use v1::refund_service_server::{RefundService, RefundServiceServer};

use super::*;

/// Answers each call with the next code, and with success when there is none left; keeps what it saw.
#[derive(Clone, Default)]
struct Flaky {
    codes: Arc<Mutex<Vec<Code>>>,
    seen: Arc<Mutex<Vec<(String, String, bool)>>>,
}

#[tonic::async_trait]
impl RefundService for Flaky {
    async fn create_refund(
        &self,
        request: Request<v1::CreateRefundRequest>,
    ) -> Result<Response<v1::CreateRefundResponse>, Status> {
        let metadata = request.metadata();
        let key = metadata.get("authorization").unwrap().to_str().unwrap().to_owned();
        let deadline = metadata.get("grpc-timeout").is_some();
        self.seen.lock().unwrap().push((request.into_inner().request_id, key, deadline));
        match self.codes.lock().unwrap().pop() {
            Some(code) => Err(Status::new(code, "not now")),
            None => Ok(Response::new(v1::CreateRefundResponse { refund: None, replayed: true })),
        }
    }

    async fn cancel_refund(
        &self,
        _: Request<v1::CancelRefundRequest>,
    ) -> Result<Response<v1::CancelRefundResponse>, Status> {
        Err(Status::unimplemented("not asked for here"))
    }

    async fn reverse_refund_decision(
        &self,
        _: Request<v1::ReverseRefundDecisionRequest>,
    ) -> Result<Response<v1::ReverseRefundDecisionResponse>, Status> {
        Err(Status::unimplemented("not asked for here"))
    }

    async fn get_refund(
        &self,
        _: Request<v1::GetRefundRequest>,
    ) -> Result<Response<v1::GetRefundResponse>, Status> {
        Err(Status::not_found(""))
    }

    async fn list_refunds(
        &self,
        _: Request<v1::ListRefundsRequest>,
    ) -> Result<Response<v1::ListRefundsResponse>, Status> {
        Err(Status::not_found(""))
    }
}

async fn serve(codes: &[Code]) -> (Flaky, Client) {
    let service = Flaky { codes: Arc::new(Mutex::new(codes.to_vec())), ..Flaky::default() };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let server = tonic::transport::Server::builder().add_service(RefundServiceServer::new(service.clone()));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    (service, Client::connect(&endpoint, "pf_key", None).await.unwrap())
}

fn message() -> v1::CreateRefundRequest {
    v1::CreateRefundRequest { request_id: "refund-1".into(), ..Default::default() }
}

/// F38: what is sent again is the same call, with the same request id, and it never goes on for ever.
#[tokio::test]
async fn an_open_outcome_is_sent_again_with_the_same_request_id() {
    let (service, client) = serve(&[Code::Unknown, Code::Unavailable]).await;
    assert!(client.create_refund(message()).await.unwrap().replayed);
    let seen = service.seen.lock().unwrap().clone();
    assert_eq!(seen, vec![("refund-1".to_owned(), "Bearer pf_key".to_owned(), true); 3]);
}

#[tokio::test]
async fn a_final_answer_and_the_last_try_are_handed_on() {
    let (service, client) = serve(&[Code::AlreadyExists]).await;
    assert_eq!(client.create_refund(message()).await.unwrap_err().code(), Code::AlreadyExists);
    assert_eq!(service.seen.lock().unwrap().len(), 1);

    let (service, client) = serve(&[Code::Unavailable; 9]).await;
    let error = client.with_tries(2).create_refund(message()).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    assert_eq!(service.seen.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn what_cannot_be_an_endpoint_is_refused_and_the_key_does_not_print() {
    let refused = |endpoint: &'static str, key: &'static str| async move {
        format!("{:?}", Client::connect(endpoint, key, None).await.map(drop).unwrap_err())
    };
    assert_eq!(refused("127.0.0.1:1", "pf_").await, "Endpoint");
    assert_eq!(refused("https://127.0.0.1:1", "pf_").await, "CaNeeded");
    assert_eq!(refused("http://127.0.0.1:1", "a\nb").await, "ApiKey");
    let (_, client) = serve(&[]).await;
    assert!(!format!("{client:?}").contains("pf_key"));
}
