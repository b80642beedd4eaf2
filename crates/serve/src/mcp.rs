//! MCP for the agent of one session, by the official SDK: with the handshake of 2025-06-18 and 2025-11-25, and
//! without, as in 2026-07-28.
//!
//! A session is in the address, `/s/HANDLE/mcp`, not in a header: it is the same over every connection, and needs
//! none. Who has the address has the agent's tools and nothing else. The protocol's own state is nobody's: each
//! request is answered by itself.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, DiscoverResult,
    ErrorData, Implementation, InitializeRequestParams, InitializeResult, ListToolsResult,
    PaginatedRequestParams, ProtocolVersion, ServerCapabilities, ServerConfig, Tool,
    ToolAnnotations,
};
use rmcp::service::{RequestContext, RoleServer};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ServerHandler, ServiceExt};
use serde_json::Value;

use crate::catalogue::Wanted;
use crate::episodes::{EpisodesError, Judgement};
use crate::rest::failure;
use crate::routes::MAX_BODY;
use crate::server::{OwnedAct, Server, ServerError};

/// The member of a request's `_meta` under which an act that is sent again is recognised.
const REQUEST_ID: &str = "practicum/request-id";

/// The versions of the protocol that are spoken.
const VERSIONS: [ProtocolVersion; 3] = [
    ProtocolVersion::V_2025_06_18,
    ProtocolVersion::V_2025_11_25,
    ProtocolVersion::V_2026_07_28,
];

/// The agent of one session.
#[derive(Debug, Clone)]
struct Agent {
    server: Server,
    id: String,
}

/// MCP's route.
pub(crate) fn mcp() -> Router<Server> {
    Router::new().route("/s/{handle}/mcp", any(answer))
}

async fn answer(
    State(server): State<Server>,
    Path(handle): Path<String>,
    request: Request,
) -> Response {
    let Some(id) = server.of_handle(&handle) else {
        return failure(
            StatusCode::NOT_FOUND,
            "there is no such session; it was closed, or was idle for too long",
        );
    };
    let agent = Agent { server, id };
    // Hosts and origins were looked at by the door.
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_max_request_body_bytes(MAX_BODY)
        .disable_allowed_hosts()
        .disable_allowed_origins();
    let sessions = Arc::new(NeverSessionManager::default());
    let service = StreamableHttpService::new(move || Ok(agent.clone()), sessions, config);
    service.handle(request).await.into_response()
}

/// Why an agent over standard input and output was not served to its end.
#[derive(Debug, thiserror::Error)]
pub enum StdioError {
    /// The episode cannot begin, or be judged.
    #[error(transparent)]
    Episodes(#[from] EpisodesError),
    /// The other end does not speak MCP.
    #[error("no MCP over standard input and output: {0}")]
    Protocol(String),
}

impl From<ServerError> for StdioError {
    fn from(error: ServerError) -> Self {
        match error {
            ServerError::Episodes(error) => Self::Episodes(error),
            error => Self::Protocol(error.to_string()),
        }
    }
}

/// Serves one agent over standard input and output until it leaves; the judgement of its episode, where it has
/// a task and has ended.
///
/// # Errors
/// When the episode cannot begin, or the other end does not speak MCP.
pub async fn stdio(server: Server, wanted: Wanted) -> Result<Option<Judgement>, StdioError> {
    let id = server.begin(wanted).await?;
    let agent = Agent {
        server: server.clone(),
        id: id.clone(),
    };
    let running = agent
        .serve(rmcp::transport::stdio())
        .await
        .map_err(|error| StdioError::Protocol(error.to_string()))?;
    running
        .waiting()
        .await
        .map_err(|error| StdioError::Protocol(error.to_string()))?;
    match server.judge(&id).await {
        Ok(judged) => Ok(Some(judged)),
        Err(ServerError::Episodes(EpisodesError::NotEnded | EpisodesError::NoTask)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// An error as JSON-RPC has it: of the session, or of the server.
fn failed(error: &ServerError) -> ErrorData {
    if error.is_infrastructure() {
        // What failed inside is the log's, not the agent's.
        ErrorData::internal_error("the server failed; try again", None)
    } else {
        ErrorData::invalid_request(error.to_string(), None)
    }
}

impl Agent {
    /// What the agent is told first: policy, time, and the user's request.
    async fn instructions(&self) -> Result<String, ErrorData> {
        let id = self.id.clone();
        let opening = self
            .server
            .run(move |episodes, now| episodes.opening(&id, now));
        let opening = opening.await.map_err(|error| failed(&error))?;
        Ok(match opening.user {
            Some(request) => format!("{}\n\nThe user says: {request}", opening.system),
            None => opening.system,
        })
    }

    async fn tools(&self) -> Result<Vec<Tool>, ErrorData> {
        let id = self.id.clone();
        let view = self
            .server
            .run(move |episodes, now| episodes.view(&id, now));
        let view = view.await.map_err(|error| failed(&error))?;
        let catalogue = self.server.episodes().catalogue();
        let Some(world) = catalogue.world(&view.start.world) else {
            return Ok(Vec::new());
        };
        let tools = crate::episodes::tools(world).into_iter();
        let told = tools.filter_map(|mut tool| {
            let function = &mut tool["function"];
            let (name, description) = (function["name"].take(), function["description"].take());
            let Value::Object(schema) = function["parameters"].take() else {
                return None;
            };
            let name = name.as_str()?.to_string();
            let reads = world.tool(&name).map(|own| own.effects.read_only);
            let told = Tool::new(
                name,
                description.as_str().unwrap_or_default().to_string(),
                schema,
            );
            let hints = ToolAnnotations::new()
                .read_only(reads.unwrap_or(false))
                .open_world(false);
            Some(told.with_annotations(hints))
        });
        Ok(told.collect())
    }
}

impl ServerHandler for Agent {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("practicum", env!("CARGO_PKG_VERSION")))
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(&VERSIONS)
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        context.peer.set_peer_info(request.clone());
        let negotiated = self.negotiate_initialize(&request)?;
        Ok(negotiated.with_instructions(self.instructions().await?))
    }

    async fn discover(&self, _: RequestContext<RoleServer>) -> Result<DiscoverResult, ErrorData> {
        let config = self
            .get_info()
            .with_instructions(self.instructions().await?);
        Ok(DiscoverResult::from_server_info(VERSIONS.to_vec(), config))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.tools().await?))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let own = request.meta.as_ref().and_then(|meta| meta.get(REQUEST_ID));
        let own = own.or_else(|| context.meta.get(REQUEST_ID));
        let act = OwnedAct {
            request: own.and_then(Value::as_str).map(str::to_string),
            tool: request.name.into_owned(),
            arguments: Value::Object(request.arguments.unwrap_or_default()).to_string(),
        };
        let seen = self.server.act(&self.id, act).await;
        let seen = seen.map_err(|error| failed(&error))?;
        let content = vec![ContentBlock::text(seen.reply.content())];
        let mut result = if seen.reply.is_ok() {
            CallToolResult::success(content)
        } else {
            CallToolResult::error(content)
        };
        // Other values than objects are text only: the older versions have no place for them.
        result.structured_content = seen.reply.value().filter(Value::is_object);
        Ok(result.into())
    }
}
