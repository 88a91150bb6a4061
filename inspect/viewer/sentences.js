/* Remarks as sentences: a rule's text, with what stands in braces filled in. */
'use strict';

(function () {

    /* "kept, {a:bytes}, for {other}" → ["kept, ", "4.19 MB", ", for ", {ref}]: strings, and refs of values. An input or
     * a state has no number: the remark's text is its name then, and {other} a ref of it where the remark has its index
     * (`source`). What else is in braces stays as it is. */
    function sentence(text, remark) {
        const parts = [];
        let from = 0;
        for (const match of text.matchAll(/\{(other|value|a|b|text)(?::(\w+))?\}/g)) {
            if (match.index > from) parts.push(text.slice(from, match.index));
            parts.push(filled(match[1], match[2], remark));
            from = match.index + match[0].length;
        }
        if (from < text.length) parts.push(text.slice(from));
        return parts;
    }

    function filled(name, unit, remark) {
        switch (name) {
            case 'a':
            case 'b': return vitc.units.of(unit, remark[name]);
            case 'text': return remark.text;
            default:
                if (remark[name] >= 0) return {kind: 'value', id: remark[name]};
                return remark.source >= 0 ? {kind: 'source', id: remark.source} : remark.text || 'nothing';
        }
    }

    /* The same as text alone. */
    function sentenceText(text, remark) {
        const name = part => part.kind === 'source' ? remark.text : '%' + part.id;
        return sentence(text, remark).map(part => typeof part === 'string' ? part : name(part)).join('');
    }

    /* The same as nodes of the page; `name(ref)` is what a value is called. */
    function sentenceNodes(text, remark, name) {
        return sentence(text, remark).map(part => typeof part === 'string' ? part : vitc.link(part, name(part)));
    }

    vitc.sentence = sentence;
    vitc.sentenceText = sentenceText;
    vitc.sentenceNodes = sentenceNodes;
})();
