// What a person does in Thunderbird, by the modules and windows of the program
// itself. It runs with the program's own rights; each step answers with JSON.
const load = (path, name) => ChromeUtils.importESModule(`resource:///modules/${path}.sys.mjs`)[name];
const MailServices = load("MailServices", "MailServices");
const account = () => MailServices.accounts.accounts.find(a => a.incomingServer.type == "imap");
const root = () => account().incomingServer.rootFolder;
const mainWindow = () => Services.wm.getMostRecentWindow("mail:3pane");
const wait = ms => new Promise(done => mainWindow().setTimeout(done, ms));

// until asks what is true in the program's memory; nothing goes to the server.
async function until(what, probe) {
  for (let i = 0; i < 300; i++) {
    const found = probe();
    if (found) {
      return found;
    }
    await wait(100);
  }
  throw new Error(`after 30 s still not: ${what}`);
}

const path = folder => folder.parent == root() ? folder.name : `${path(folder.parent)}/${folder.name}`;
const find = name => root().descendants.find(f => path(f).toLowerCase() == name.toLowerCase());
const folder = name => until(`a folder ${name}`, () => find(name));
const kinds = ["Inbox", "Drafts", "SentMail", "Junk", "Trash", "Archive"];
const kind = f => kinds.find(k => f.flags & Ci.nsMsgFolderFlags[k]) ?? "";
const header = async (name, subject) => {
  const f = await folder(name);
  return until(`${subject} in ${name}`, () => [...f.messages].find(m => m.mime2DecodedSubject == subject));
};

const copyListener = {
  QueryInterface: ChromeUtils.generateQI(["nsIMsgCopyServiceListener"]),
  onStartCopy() {}, onProgress() {}, setMessageKey() {}, getMessageId: () => null,
};
const copied = start => new Promise((done, failed) => start({
  ...copyListener,
  onStopCopy: status => Components.isSuccessCode(status) ? done() : failed(new Error(`copy: 0x${status.toString(16)}`)),
}));
const ran = start => new Promise((done, failed) => start({
  QueryInterface: ChromeUtils.generateQI(["nsIUrlListener"]),
  OnStartRunningUrl() {},
  OnStopRunningUrl: (_, status) => Components.isSuccessCode(status) ? done() : failed(new Error(`0x${status.toString(16)}`)),
}));

// compose opens the window of a new message, filled in.
async function compose(letter) {
  const fields = Cc["@mozilla.org/messengercompose/composefields;1"].createInstance(Ci.nsIMsgCompFields);
  Object.assign(fields, letter);
  const params = Cc["@mozilla.org/messengercompose/composeparams;1"].createInstance(Ci.nsIMsgComposeParams);
  params.composeFields = fields;
  params.identity = account().defaultIdentity;
  params.type = Ci.nsIMsgCompType.New;
  params.format = Ci.nsIMsgCompFormat.PlainText;
  const opened = new Promise(done => Services.ww.registerNotification(function watch(w, topic) {
    if (topic == "domwindowopened") {
      Services.ww.unregisterNotification(watch);
      w.addEventListener("compose-editor-ready", () => done(w), { once: true });
    }
  }));
  MailServices.compose.OpenComposeWindowWithParams(null, params);
  return opened;
}

// processed runs a command of a composition's window and waits for its end.
const processed = (w, command) => new Promise((done, failed) => {
  const listener = {
    QueryInterface: ChromeUtils.generateQI(["nsIMsgComposeStateListener"]),
    NotifyComposeFieldsReady() {}, NotifyComposeBodyReady() {}, SaveInFolderDone() {},
    ComposeProcessDone(status) {
      w.gMsgCompose.UnregisterStateListener(listener);
      Components.isSuccessCode(status) ? done() : failed(new Error(`${command}: 0x${status.toString(16)}`));
    },
  };
  w.gMsgCompose.RegisterStateListener(listener);
  w.goDoCommand(command);
});

const steps = {
  // setUp is the account assistant: the server's autoconfig file, one attempt
  // to log in, then the account with remembered passwords.
  async setUp({ ca, xml, name, address, password, imap, smtp }) {
    Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB).addCertFromBase64(ca, "CT,,");
    const parsed = new DOMParser().parseFromString(xml, "text/xml");
    const config = load("accountcreation/readFromXML", "readFromXML")(load("JXON", "JXON").build(parsed), "test");
    load("accountcreation/AccountConfig", "AccountConfig").replaceVariables(config, name, address, password);
    Object.assign(config.incoming, { port: imap, checkInterval: 0, loginAtStartup: true });
    config.outgoing.port = smtp;
    config.rememberPassword = true;
    const Verifier = load("accountcreation/ConfigVerifier", "ConfigVerifier");
    await new Verifier(null, new AbortController().signal).verifyConfig(config);
    const made = await load("accountcreation/CreateInBackend", "CreateInBackend").createAccountInBackend(config);
    made.incomingServer.doBiff = false; // new mail is seen by IDLE or not at all
    const { username, socketType, authMethod } = made.incomingServer;
    return {
      user: username, ssl: socketType == Ci.nsMsgSocketType.SSL, host: made.incomingServer.hostName ?? config.incoming.hostname,
      plain: authMethod == Ci.nsMsgAuthMethod.passwordCleartext, smtpSSL: config.outgoing.socketType == Ci.nsMsgSocketType.SSL,
    };
  },

  // open shows a folder in the main window.
  async open({ name }) {
    const f = await folder(name);
    const tabs = mainWindow().document.getElementById("tabmail");
    await until("the main window", () => tabs.currentAbout3Pane?.displayFolder);
    tabs.currentAbout3Pane.displayFolder(f.URI);
  },

  async folders() {
    await folder("Trash");
    return root().descendants.map(f => ({ path: path(f), kind: kind(f) }));
  },

  // messages is what the program has, without asking the server.
  async messages({ name }) {
    return [...(await folder(name)).messages].map(m => ({
      uid: m.messageKey, subject: m.mime2DecodedSubject, read: m.isRead, flagged: m.isFlagged, keywords: m.getStringProperty("keywords"),
    }));
  },

  // awaits waits until a message is there with these flags, or gone.
  async awaits({ name, subject, gone, flagged }) {
    const f = await folder(name);
    await until(`${subject} in ${name} ${JSON.stringify({ gone, flagged })}`, () => {
      const m = [...f.messages].find(h => h.mime2DecodedSubject == subject);
      return gone ? !m : m && (flagged == null || m.isFlagged == flagged);
    });
  },

  async text({ name, subject }) {
    const m = await header(name, subject);
    const stream = load("gloda/MimeMessage", "MsgHdrToMimeMessage");
    return new Promise(done => stream(m, null, (_, mime) => done(mime.coerceBodyToPlaintext(m.folder)), true));
  },

  async send(letter) {
    await processed(await compose(letter), "cmd_sendNow");
  },

  // draft saves a message as often as there are texts, and closes its window.
  async draft({ texts, ...letter }) {
    const w = await compose({ ...letter, body: "" });
    for (const text of texts) {
      w.gMsgCompose.editor.QueryInterface(Ci.nsIEditorMailSupport).insertText(text);
      await processed(w, "cmd_saveAsDraft");
    }
    w.close();
  },

  async mark({ name, subject, read, flagged, tag }) {
    const m = await header(name, subject);
    if (read != null) {
      m.folder.markMessagesRead([m], read);
    }
    if (flagged != null) {
      m.folder.markMessagesFlagged([m], flagged);
    }
    if (tag) {
      m.folder.addKeywordsToMessages([m], tag);
    }
  },

  // search asks the server, as "Run search on server" does.
  async search({ name, body }) {
    const session = Cc["@mozilla.org/messenger/searchSession;1"].createInstance(Ci.nsIMsgSearchSession);
    session.addScopeTerm(Ci.nsMsgSearchScope.onlineMail, await folder(name));
    const term = session.createTerm();
    const value = term.value;
    value.attrib = term.attrib = Ci.nsMsgSearchAttrib.Body;
    value.str = body;
    term.value = value;
    term.op = Ci.nsMsgSearchOp.Contains;
    term.booleanAnd = true;
    session.appendTerm(term);
    const hits = [];
    return new Promise((done, failed) => {
      session.registerListener({
        onNewSearch() {},
        onSearchHit: m => hits.push(m.mime2DecodedSubject),
        onSearchDone: status => Components.isSuccessCode(status) ? done(hits) : failed(new Error(`0x${status.toString(16)}`)),
      });
      session.search(mainWindow().msgWindow);
    });
  },

  async createFolder({ parent, name }) {
    (parent ? await folder(parent) : root()).createSubfolder(name, mainWindow().msgWindow);
    await folder(parent ? `${parent}/${name}` : name);
  },

  async renameFolder({ from, to }) {
    (await folder(from)).rename(to, mainWindow().msgWindow);
    await folder(to);
  },

  async move({ from, subject, to }) {
    const m = await header(from, subject);
    const target = await folder(to);
    await copied(listener => MailServices.copy.copyMessages(m.folder, [m], target, true, listener, mainWindow().msgWindow, true));
  },

  async remove({ name, subject }) {
    const m = await header(name, subject);
    await copied(listener => m.folder.deleteMessages([m], mainWindow().msgWindow, false, false, listener, true));
  },

  async emptyTrash() {
    const trash = await folder("Trash");
    await ran(listener => trash.emptyTrash(listener));
  },
};
