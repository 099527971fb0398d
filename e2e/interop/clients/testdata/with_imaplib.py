"""What a script with Python's imaplib does; it ends with 0 when all is right."""
import imaplib
import ssl
import sys
import time

port, ca, user, password = int(sys.argv[1]), *sys.argv[2:]


def ok(answer):
    status, data = answer
    assert status == "OK", answer
    return data


def letter(subject):
    return f"From: a@example.org\r\nSubject: {subject}\r\n\r\nDear Bob,\r\nschöne Grüße\r\n".encode()


with imaplib.IMAP4_SSL("localhost", port, ssl_context=ssl.create_default_context(cafile=ca)) as c:
    ok(c.authenticate("PLAIN", lambda _: f"\0{user}\0{password}".encode()))
    assert "IDLE" in ok(c.capability())[0].decode().split()
    ok(c.create("Lists/imap"))
    ok(c.subscribe("Lists/imap"))
    assert any(b"Lists/imap" in line for line in ok(c.lsub()))
    for subject in "one", "two", "three":
        ok(c.append("INBOX", r"(\Seen)", imaplib.Time2Internaldate(1600000000), letter(subject)))
    assert ok(c.select("INBOX")) == [b"3"]
    assert ok(c.search("UTF-8", "BODY", '"schöne"'.encode())) == [b"1 2 3"]
    assert ok(c.sort("(REVERSE SUBJECT)", "UTF-8", "ALL")) == [b"2 3 1"]
    assert ok(c.thread("ORDEREDSUBJECT", "UTF-8", "ALL")) == [b"(1)(2)(3)"]
    (head, body), _ = ok(c.uid("FETCH", "2", "(INTERNALDATE BODY.PEEK[])"))
    assert body == letter("two"), body
    assert imaplib.Internaldate2tuple(head) == time.localtime(1600000000), head
    ok(c.store("1", "+FLAGS", r"(\Flagged $Done)"))
    ok(c.copy("1", "Lists/imap"))
    ok(c.uid("MOVE", "2", "Lists/imap"))
    ok(c.store("1", "+FLAGS", r"(\Deleted)"))
    assert ok(c.expunge())[-1] == b"1"  # with those of MOVE before it
    ok(c.close())
    assert ok(c.status("Lists/imap", "(MESSAGES UNSEEN)")) == [b"Lists/imap (MESSAGES 2 UNSEEN 0)"]
    ok(c.myrights("INBOX"))
    ok(c.getquotaroot("INBOX"))
    ok(c.rename("Lists/imap", "Lists/done"))
    ok(c.delete("Junk"))
with imaplib.IMAP4_SSL("localhost", port, ssl_context=ssl.create_default_context(cafile=ca)) as c:
    try:
        c.login(user, "wrong")
        sys.exit("a wrong password was taken")
    except imaplib.IMAP4.error as e:
        assert "AUTHENTICATIONFAILED" in str(e), e
